package kinesieve

import (
	"structs"
	"unsafe"
)

// The canonical ABI of the component model, by hand, since the contract is small. Addresses have 32 bits there, and Go's
// pointers have 64: so they go as numbers, and what they lead to is held by `answer` until the processor has read it.

type list struct {
	_      structs.HostLayout
	at     uint32
	length uint32
}

type optional struct {
	_      structs.HostLayout
	isSome uint32
	some   list
}

type output struct {
	_            structs.HostLayout
	data         list
	partitionKey optional
	route        optional
}

// An outcome, or what `configure` answers: a tag, and a list.
type tagged struct {
	_    structs.HostLayout
	tag  uint32
	list list
}

type setting struct {
	_           structs.HostLayout
	name, value list
}

var answer struct {
	tagged  tagged
	outputs []output
	outcome Outcome
	err     string
}

//go:wasmimport kinesieve:transform/host@0.1.0 log
func importLog(level Level, message string)

//go:wasmimport kinesieve:transform/host@0.1.0 current-shard
func importCurrentShard(shard *[2]list)

//go:wasmexport kinesieve:transform/transform@0.1.0#configure
func exportConfigure(at *setting, count uint32) *tagged {
	settings := make([]Setting, 0, count)
	for _, setting := range unsafe.Slice(at, count) {
		settings = append(settings, Setting{Name: setting.name.text(), Value: setting.value.text()})
	}
	giveBack()
	answer.tagged = tagged{}
	if err := transform.configure(settings); err != nil {
		answer.err = err.Error()
		answer.tagged = tagged{tag: 1, list: listOf(answer.err)}
	}
	return &answer.tagged
}

//go:wasmexport kinesieve:transform/transform@0.1.0#process
func exportProcess(
	data *byte, dataLength uint32, key *byte, keyLength uint32, number *byte, numberLength uint32,
	subSequenceNumber, arrivedAt uint64,
) *tagged {
	collectGarbage(dataLength)
	event := Event{
		Data:              append([]byte(nil), unsafe.Slice(data, dataLength)...),
		PartitionKey:      string(unsafe.Slice(key, keyLength)),
		SequenceNumber:    string(unsafe.Slice(number, numberLength)),
		SubSequenceNumber: subSequenceNumber,
		ArrivedAt:         arrivedAt,
	}
	giveBack()
	outcome := transform.process(event)
	answer.outcome = outcome
	answer.tagged = tagged{tag: outcome.tag}
	switch outcome.tag {
	case tagEmit:
		answer.outputs = answer.outputs[:0]
		for _, each := range outcome.outputs {
			answer.outputs = append(answer.outputs, output{
				data:         listOf(unsafe.String(unsafe.SliceData(each.Data), len(each.Data))),
				partitionKey: optionalOf(each.PartitionKey),
				route:        optionalOf(each.Route),
			})
		}
		outputs := unsafe.Pointer(unsafe.SliceData(answer.outputs))
		answer.tagged.list = list{at: address(outputs), length: uint32(len(answer.outputs))}
	case tagRetry, tagReject:
		answer.tagged.list = listOf(outcome.reason)
	}
	return &answer.tagged
}

func address(pointer unsafe.Pointer) uint32 { return uint32(uintptr(pointer)) }

func listOf(text string) list {
	return list{at: address(unsafe.Pointer(unsafe.StringData(text))), length: uint32(len(text))}
}

func optionalOf(text string) optional {
	if text == "" {
		return optional{}
	}
	return optional{isSome: 1, some: listOf(text)}
}

// A copy: what is handed over is given back before the call ends.
func (list list) text() string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(uintptr(list.at))), list.length))
}
