// The contract of wit/transform.wit, as C sees it. A transform implements `configure` and `process`.
//
// Bytes have a length and no end mark. What comes in, what `ks_allocate` and `ks_format` give, and what goes out lives
// until the record is done: nothing has to be freed. What is to live longer belongs into `malloc`.

#ifndef KINESIEVE_H
#define KINESIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *at;
  size_t length;
} ks_bytes;

typedef struct {
  bool is_some;
  ks_bytes some;
} ks_optional;

/// One user record of a Kinesis stream.
typedef struct {
  ks_bytes data;
  ks_bytes partition_key;
  /// A decimal integer of up to 56 digits, so larger than any machine integer.
  ks_bytes sequence_number;
  /// The record's index inside its KPL aggregate; 0 for a record that travelled alone.
  uint64_t sub_sequence_number;
  /// In milliseconds since the Unix epoch.
  uint64_t arrived_at;
} ks_event;

/// One record to deliver. Without a key it goes under the event's own, without a route to the main output.
typedef struct {
  ks_bytes data;
  ks_optional partition_key;
  ks_optional route;
} ks_output;

/// What becomes of an event: made by the functions below.
typedef struct {
  uint8_t tag;
  union {
    ks_bytes reason;
    struct {
      const ks_output *at;
      size_t count;
    } outputs;
  };
} ks_outcome;

/// One setting of the deployment.
typedef struct {
  ks_bytes name;
  ks_bytes value;
} ks_setting;

/// Whether the settings are taken: made by `ks_taken` and `ks_refused`.
typedef struct {
  bool is_error;
  ks_bytes why;
} ks_configured;

typedef struct {
  ks_bytes stream_arn;
  ks_bytes shard_id;
} ks_shard;

typedef enum { KS_TRACE, KS_DEBUG, KS_INFO, KS_WARN, KS_ERROR } ks_level;

// --- What a transform implements ---

/// Called once for each instance, before its first event. A refusal stops the processor from starting.
ks_configured configure(const ks_setting *settings, size_t count);

/// Called once for each event, in the order of its shard.
ks_outcome process(const ks_event *event);

// --- What `configure` answers ---

ks_configured ks_taken(void);
ks_configured ks_refused(ks_bytes why);

// --- What `process` answers ---

/// Deliver the event as it came, byte for byte.
ks_outcome ks_keep(void);
/// Filter the event out: nothing is delivered, and the event is done.
ks_outcome ks_drop(void);
/// Deliver these instead, in this order.
ks_outcome ks_emit(const ks_output *outputs, size_t count);
/// Deliver this instead, under the event's key, to the main output.
ks_outcome ks_replace(ks_bytes data);
/// The event, and all that follow it in its shard, come again.
ks_outcome ks_retry(ks_bytes why);
/// The event can never be processed: dead-letter it and go on. Payloads don't belong into reasons: logs show them.
ks_outcome ks_reject(ks_bytes why);

// --- Bytes ---

/// The bytes of a C string, which has to live as long as they are used.
ks_bytes ks_text(const char *text);
/// An option that holds these bytes.
ks_optional ks_some(ks_bytes bytes);
/// Whether bytes are those of a C string.
bool ks_is(ks_bytes bytes, const char *text);
/// Memory until the record is done, aligned for everything.
void *ks_allocate(size_t length);
/// A text as printf makes it. Bytes go in with `%.*s` and KS_PRINT.
ks_bytes ks_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define KS_PRINT(bytes) (int)(bytes).length, (bytes).at

// --- What the processor offers ---

/// Writes one line to the processor's structured log.
void ks_log(ks_level level, ks_bytes message);
/// The shard that the event in hand came from.
ks_shard ks_current_shard(void);

#endif
