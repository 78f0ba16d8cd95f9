// Drops readings below a temperature, and takes the e-mail address out of the others.

#include <string.h>

#include "json.h"
#include "kinesieve.h"

static double below = 10;

/// Called once for each instance, with the settings of the deployment. A refusal stops the start.
ks_configured configure(const ks_setting *settings, size_t count) {
  for (const ks_setting *setting = settings; setting < settings + count; setting += 1) {
    if (!ks_is(setting->name, "below")) {
      return ks_refused(ks_format("unknown setting `%.*s`: there is `below`", KS_PRINT(setting->name)));
    }
    if (!json_number(setting->value, &below)) {
      return ks_refused(
          ks_format("the setting `below` has to be a number, not `%.*s`", KS_PRINT(setting->value)));
    }
  }
  return ks_taken();
}

/// Adds bytes behind others.
static void add(ks_bytes *text, ks_bytes more) {
  memcpy((char *)text->at + text->length, more.at, more.length);
  text->length += more.length;
}

/// Called once for each record, in the order of its shard.
ks_outcome process(const ks_event *event) {
  // What is left is never longer than what came.
  ks_bytes reading = {ks_allocate(event->data.length + 2), 0};
  bool has_temperature = false;
  double temperature = 0;
  json_object object = json_object_of(event->data);
  for (json_field field; json_next(&object, &field);) {
    if (ks_is(field.name, "email")) continue;
    if (ks_is(field.name, "temperature")) has_temperature = json_number(field.value, &temperature);
    add(&reading, ks_text(reading.length == 0 ? "{\"" : ",\""));
    add(&reading, field.name);
    add(&reading, ks_text("\":"));
    add(&reading, field.value);
  }
  if (object.error != NULL) return ks_reject(ks_format("not JSON: %s", object.error));
  if (!has_temperature) return ks_reject(ks_text("no temperature"));
  if (temperature < below) return ks_drop();
  add(&reading, ks_text("}"));
  return ks_replace(reading);
}
