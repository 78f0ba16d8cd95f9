// The guest of the conformance cases, in C: see tests/conformance/README.md.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kinesieve.h"

/// What the settings are, a line each: the same for all of an instance's life.
static ks_bytes given = {"", 0};

ks_configured configure(const ks_setting *settings, size_t count) {
  ks_bytes lines = ks_text("");
  for (size_t index = 0; index < count; index += 1) {
    ks_setting setting = settings[index];
    if (ks_is(setting.name, "refuse")) return ks_refused(setting.value);
    lines = ks_format("%.*s%s%.*s=%.*s", KS_PRINT(lines), index == 0 ? "" : "\n", KS_PRINT(setting.name),
                      KS_PRINT(setting.value));
  }
  char *kept = malloc(lines.length + 1);
  if (kept == NULL) return ks_refused(ks_text("no memory"));
  memcpy(kept, lines.at, lines.length);
  given = (ks_bytes){kept, lines.length};
  return ks_taken();
}

static ks_outcome emit(ks_output output) {
  ks_output *outputs = ks_allocate(sizeof *outputs);
  *outputs = output;
  return ks_emit(outputs, 1);
}

static ks_outcome many(ks_bytes data) {
  size_t count = strtoul(ks_format("%.*s", KS_PRINT(data)).at, NULL, 10);
  ks_output *outputs = ks_allocate(count * sizeof *outputs);
  for (size_t index = 0; index < count; index += 1) {
    outputs[index] = (ks_output){
        .data = ks_format("%zu", index),
        .partition_key = ks_some(ks_format("k%zu", index)),
    };
  }
  return ks_emit(outputs, count);
}

ks_outcome process(const ks_event *event) {
  ks_bytes verb = event->partition_key;
  const char *space = memchr(verb.at, ' ', verb.length);
  if (space != NULL) verb.length = (size_t)(space - verb.at);
  if (ks_is(verb, "keep")) return ks_keep();
  if (ks_is(verb, "drop")) return ks_drop();
  if (ks_is(verb, "retry")) return ks_retry(event->data);
  if (ks_is(verb, "reject")) return ks_reject(event->data);
  if (ks_is(verb, "none")) return ks_emit(NULL, 0);
  if (ks_is(verb, "same")) return ks_replace(event->data);
  if (ks_is(verb, "key")) return emit((ks_output){.data = event->data, .partition_key = ks_some(event->partition_key)});
  if (ks_is(verb, "route")) return emit((ks_output){.data = event->data, .route = ks_some(ks_text("side"))});
  if (ks_is(verb, "many")) return many(event->data);
  if (ks_is(verb, "event")) {
    return ks_replace(ks_format("%.*s %" PRIu64 " %" PRIu64, KS_PRINT(event->sequence_number),
                                event->sub_sequence_number, event->arrived_at));
  }
  if (ks_is(verb, "shard")) {
    ks_shard shard = ks_current_shard();
    return ks_replace(ks_format("%.*s %.*s", KS_PRINT(shard.stream_arn), KS_PRINT(shard.shard_id)));
  }
  if (ks_is(verb, "settings")) return ks_replace(given);
  if (ks_is(verb, "log")) {
    ks_log(KS_INFO, event->data);
    return ks_keep();
  }
  return ks_reject(ks_text("no such verb"));
}
