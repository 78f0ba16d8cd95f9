// Between C and the component model: its canonical ABI, by hand, since the contract is small. The types of kinesieve.h
// lie in memory as that ABI has them, so nothing is converted.

#include "kinesieve.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
#define IMPORT(name) __attribute__((import_module("kinesieve:transform/host@0.1.0"), import_name(name)))
#else
// As a program of this machine, for a debugger: native.c is in the place of the processor.
#define EXPORT(name)
#define IMPORT(name)
#endif
#define OF_TRANSFORM "kinesieve:transform/transform@0.1.0#"
#define AFTER "cabi_post_"

#ifdef __wasm__
_Static_assert(sizeof(ks_bytes) == 8, "a list is an address and a length of 32 bits each");
_Static_assert(sizeof(ks_optional) == 12 && offsetof(ks_optional, some) == 4, "an option is a byte and its value");
_Static_assert(sizeof(ks_output) == 32 && offsetof(ks_output, route) == 20, "an output is its three fields");
_Static_assert(sizeof(ks_outcome) == 12 && offsetof(ks_outcome, reason) == 4, "an outcome is a byte and its value");
_Static_assert(sizeof(ks_configured) == 12 && offsetof(ks_configured, why) == 4, "a result is a byte and its value");
_Static_assert(sizeof(ks_shard) == 16 && sizeof(ks_setting) == 16, "a record is its fields");
#endif

// --- Memory of one call: taken from the front of a block, and given back all at once ---

enum { ALIGNMENT = 16, FIRST_BLOCK = 64 << 10 };

/// A block that was added since the first was full.
typedef struct block {
  struct block *previous;
} block;

static _Alignas(ALIGNMENT) char first_block[FIRST_BLOCK];
static char *next_free = first_block;
static char *end_of_block = first_block + FIRST_BLOCK;
static block *added;

static size_t aligned(size_t length) { return (length + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1); }

void *ks_allocate(size_t length) {
  // What can't be rounded up is more than there is.
  if (length > SIZE_MAX - 2 * FIRST_BLOCK) __builtin_trap();
  length = aligned(length);
  if (length > (size_t)(end_of_block - next_free)) {
    size_t header = aligned(sizeof(block));
    size_t size = header + (length > FIRST_BLOCK ? length : FIRST_BLOCK);
    block *fresh = malloc(size);
    // The processor sees that memory was refused, and says so.
    if (fresh == NULL) __builtin_trap();
    fresh->previous = added;
    added = fresh;
    next_free = (char *)fresh + header;
    end_of_block = (char *)fresh + size;
  }
  void *allocated = next_free;
  next_free += length;
  return allocated;
}

static void give_back(void) {
  while (added != NULL) {
    block *previous = added->previous;
    free(added);
    added = previous;
  }
  next_free = first_block;
  end_of_block = first_block + FIRST_BLOCK;
}

/// Where the processor puts what it hands over.
EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_length, size_t alignment, size_t length) {
  (void)alignment;
  // Nothing is there to be read, but null would not be an address.
  if (length == 0) return first_block;
  void *allocated = ks_allocate(length);
  if (old_length > 0) memcpy(allocated, old, old_length < length ? old_length : length);
  return allocated;
}

/// The same for what lies between C and the processor where WASI is used: it keeps what it gets.
EXPORT("cabi_realloc_adapter")
void *cabi_realloc_adapter(void *old, size_t old_length, size_t alignment, size_t length) {
  void *allocated = aligned_alloc(alignment, (length + alignment - 1) / alignment * alignment);
  if (allocated == NULL) __builtin_trap();
  if (old_length > 0) memcpy(allocated, old, old_length < length ? old_length : length);
  return allocated;
}

// --- The transform ---

static ks_configured configured;
static ks_outcome outcome;

EXPORT(OF_TRANSFORM "configure") ks_configured *export_configure(const ks_setting *settings, size_t count) {
  configured = configure(settings, count);
  return &configured;
}

EXPORT(AFTER OF_TRANSFORM "configure") void after_configure(ks_configured *result) {
  (void)result;
  give_back();
}

EXPORT(OF_TRANSFORM "process")
ks_outcome *export_process(const char *data, size_t data_length, const char *partition_key, size_t partition_key_length,
                           const char *sequence_number, size_t sequence_number_length, uint64_t sub_sequence_number,
                           uint64_t arrived_at) {
  ks_event event = {
      {data, data_length},
      {partition_key, partition_key_length},
      {sequence_number, sequence_number_length},
      sub_sequence_number,
      arrived_at,
  };
  outcome = process(&event);
  return &outcome;
}

EXPORT(AFTER OF_TRANSFORM "process") void after_process(ks_outcome *result) {
  (void)result;
  give_back();
}

// --- What a transform answers ---

enum { KEEP, DROP, EMIT, RETRY, REJECT };

ks_configured ks_taken(void) { return (ks_configured){.is_error = false}; }

ks_configured ks_refused(ks_bytes why) { return (ks_configured){.is_error = true, .why = why}; }

ks_outcome ks_keep(void) { return (ks_outcome){.tag = KEEP}; }

ks_outcome ks_drop(void) { return (ks_outcome){.tag = DROP}; }

ks_outcome ks_emit(const ks_output *outputs, size_t count) {
  return (ks_outcome){.tag = EMIT, .outputs = {outputs, count}};
}

ks_outcome ks_replace(ks_bytes data) {
  ks_output *output = ks_allocate(sizeof *output);
  *output = (ks_output){.data = data};
  return ks_emit(output, 1);
}

ks_outcome ks_retry(ks_bytes why) { return (ks_outcome){.tag = RETRY, .reason = why}; }

ks_outcome ks_reject(ks_bytes why) { return (ks_outcome){.tag = REJECT, .reason = why}; }

// --- Bytes ---

ks_bytes ks_text(const char *text) { return (ks_bytes){text, strlen(text)}; }

ks_optional ks_some(ks_bytes bytes) { return (ks_optional){true, bytes}; }

bool ks_is(ks_bytes bytes, const char *text) {
  return bytes.length == strlen(text) && memcmp(bytes.at, text, bytes.length) == 0;
}

ks_bytes ks_format(const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  size_t size = length < 0 ? 1 : (size_t)length + 1;
  char *text = ks_allocate(size);
  vsnprintf(text, size, format, again);
  va_end(again);
  return (ks_bytes){text, size - 1};
}

// --- What the processor offers ---

IMPORT("log") void import_log(int32_t level, const char *message, size_t length);
IMPORT("current-shard") void import_current_shard(ks_shard *shard);

void ks_log(ks_level level, ks_bytes message) { import_log((int32_t)level, message.at, message.length); }

ks_shard ks_current_shard(void) {
  ks_shard shard;
  import_current_shard(&shard);
  return shard;
}
