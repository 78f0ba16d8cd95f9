// The fields of a JSON object, one after the other, as they are written: what goes on can be copied byte for byte.

#ifndef JSON_H
#define JSON_H

#include "kinesieve.h"

typedef struct {
  /// Without its quotes. Escapes are not undone.
  ks_bytes name;
  ks_bytes value;
} json_field;

typedef struct {
  const char *at;
  const char *end;
  int state;
  /// What is wrong with the text; NULL: nothing so far. Once `json_next` is false, it is said of all of it.
  const char *error;
} json_object;

json_object json_object_of(ks_bytes text);

/// The next field; false: there is none, be it that the object ends or that the text is wrong.
bool json_next(json_object *object, json_field *field);

/// Whether a value is a number, and which one.
bool json_number(ks_bytes value, double *number);

#endif
