// Drops readings below a temperature, and takes the e-mail address out of the others.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"example.com/{{name}}/kinesieve"
)

func init() {
	kinesieve.Run(configure, process)
}

// Never called: a transform has no beginning of its own.
func main() {}

var below = 10.0

// Called once for each instance, with the settings of the deployment. An error stops the start.
func configure(settings []kinesieve.Setting) error {
	for _, setting := range settings {
		if setting.Name != "below" {
			return fmt.Errorf("unknown setting `%s`: there is `below`", setting.Name)
		}
		number, err := strconv.ParseFloat(setting.Value, 64)
		if err != nil {
			return fmt.Errorf("the setting `below` has to be a number, not `%s`", setting.Value)
		}
		below = number
	}
	return nil
}

// Called once for each record, in the order of its shard.
func process(event kinesieve.Event) kinesieve.Outcome {
	// Values stay as they are written. Fields are sorted, and of a repeated one the last stays.
	var reading map[string]json.RawMessage
	if !utf8.Valid(event.Data) {
		return kinesieve.Reject("not UTF-8")
	}
	// Some programs write a byte order mark before it.
	data := bytes.TrimPrefix(event.Data, []byte("\xef\xbb\xbf"))
	if err := json.Unmarshal(data, &reading); err != nil {
		return kinesieve.Reject("not a JSON object")
	}
	var temperature *float64
	if err := json.Unmarshal(reading["temperature"], &temperature); err != nil || temperature == nil {
		return kinesieve.Reject("no temperature")
	}
	if *temperature < below {
		return kinesieve.Drop()
	}
	delete(reading, "email")
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	// Else it writes < as \u003c.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(reading); err != nil {
		return kinesieve.Reject("what is left can't be written")
	}
	return kinesieve.Replace(bytes.TrimSuffix(written.Bytes(), []byte("\n")))
}
