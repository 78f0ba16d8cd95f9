// In the place of the processor, for a debugger: each argument is a setting (below=10), and each line of standard input a
// record. What becomes of it is printed. No part of the component.

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinesieve.h"

// What kinesieve.c exports to the processor, and imports from it.
ks_configured *export_configure(const ks_setting *settings, size_t count);
ks_outcome *export_process(const char *data, size_t data_length, const char *partition_key, size_t partition_key_length,
                           const char *sequence_number, size_t sequence_number_length, uint64_t sub_sequence_number,
                           uint64_t arrived_at);
void after_configure(ks_configured *result);
void after_process(ks_outcome *result);
void import_log(int32_t level, const char *message, size_t length);
void import_current_shard(ks_shard *shard);

/// The tags of an outcome, as the contract counts them.
enum { KEEP, DROP, EMIT, RETRY, REJECT };

void import_log(int32_t level, const char *message, size_t length) {
  static const char *const names[] = {"trace", "debug", "info", "warn", "error"};
  fprintf(stderr, "%s: %.*s\n", names[level], (int)length, message);
}

void import_current_shard(ks_shard *shard) {
  *shard = (ks_shard){ks_text("arn:aws:kinesis:us-east-1:000000000000:stream/test"), ks_text("shardId-000000000000")};
}

static void print(const char *name, ks_optional value) {
  if (value.is_some) printf(" %s=%.*s", name, KS_PRINT(value.some));
}

static void print_outcome(const ks_outcome *outcome) {
  switch (outcome->tag) {
  case KEEP: puts("keep"); break;
  case DROP: puts("drop"); break;
  case RETRY: printf("retry: %.*s\n", KS_PRINT(outcome->reason)); break;
  case REJECT: printf("reject: %.*s\n", KS_PRINT(outcome->reason)); break;
  default:
    for (const ks_output *output = outcome->outputs.at; output < outcome->outputs.at + outcome->outputs.count; output += 1) {
      printf("emit");
      print("key", output->partition_key);
      print("route", output->route);
      printf(": %.*s\n", KS_PRINT(output->data));
    }
  }
}

int main(int count, char **arguments) {
  ks_setting *settings = calloc((size_t)count + 1, sizeof *settings);
  if (settings == NULL) return 1;
  for (int index = 1; index < count; index += 1) {
    char *name = arguments[index];
    char *equals = strchr(name, '=');
    size_t length = equals == NULL ? strlen(name) : (size_t)(equals - name);
    settings[index - 1] = (ks_setting){{name, length}, ks_text(equals == NULL ? "" : equals + 1)};
  }
  ks_configured *configured = export_configure(settings, (size_t)count - 1);
  if (configured->is_error) {
    fprintf(stderr, "the settings are refused: %.*s\n", KS_PRINT(configured->why));
    return 1;
  }
  after_configure(configured);
  char *line = NULL;
  size_t room = 0;
  long number = 0;
  for (ssize_t length; (length = getline(&line, &room, stdin)) >= 0;) {
    number += 1;
    if (length > 0 && line[length - 1] == '\n') length -= 1;
    char text[24];
    int digits = snprintf(text, sizeof text, "%ld", number);
    ks_outcome *outcome = export_process(line, (size_t)length, "key", 3, text, (size_t)digits, 0, 1767225600000);
    print_outcome(outcome);
    fflush(stdout);
    after_process(outcome);
  }
  free(line);
  free(settings);
  return 0;
}
