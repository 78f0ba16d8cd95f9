// The guest of the conformance cases, in Go: see tests/conformance/README.md.
package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"echo/kinesieve"
)

func init() {
	kinesieve.Run(configure, process)
}

func main() {}

// What the settings are, a line each: the same for all of an instance's life.
var given []string

func configure(settings []kinesieve.Setting) error {
	for _, setting := range settings {
		if setting.Name == "refuse" {
			return errors.New(setting.Value)
		}
		given = append(given, setting.Name+"="+setting.Value)
	}
	return nil
}

func process(event kinesieve.Event) kinesieve.Outcome {
	verb, _, _ := strings.Cut(event.PartitionKey, " ")
	switch verb {
	case "keep":
		return kinesieve.Keep()
	case "drop":
		return kinesieve.Drop()
	case "retry":
		return kinesieve.Retry(string(event.Data))
	case "reject":
		return kinesieve.Reject(string(event.Data))
	case "none":
		return kinesieve.Emit()
	case "same":
		return kinesieve.Replace(event.Data)
	case "key":
		return kinesieve.Emit(kinesieve.Output{Data: event.Data, PartitionKey: event.PartitionKey})
	case "route":
		return kinesieve.Emit(kinesieve.Output{Data: event.Data, Route: "side"})
	case "many":
		count, err := strconv.Atoi(string(event.Data))
		if err != nil {
			return kinesieve.Reject(err.Error())
		}
		outputs := make([]kinesieve.Output, count)
		for index := range outputs {
			number := strconv.Itoa(index)
			outputs[index] = kinesieve.Output{Data: []byte(number), PartitionKey: "k" + number}
		}
		return kinesieve.Emit(outputs...)
	case "event":
		text := fmt.Sprintf("%s %d %d", event.SequenceNumber, event.SubSequenceNumber, event.ArrivedAt)
		return kinesieve.Replace([]byte(text))
	case "shard":
		shard := kinesieve.CurrentShard()
		return kinesieve.Replace([]byte(shard.StreamARN + " " + shard.ShardID))
	case "settings":
		return kinesieve.Replace([]byte(strings.Join(given, "\n")))
	case "log":
		kinesieve.Log(kinesieve.Info, string(event.Data))
		return kinesieve.Keep()
	}
	return kinesieve.Reject("no such verb")
}
