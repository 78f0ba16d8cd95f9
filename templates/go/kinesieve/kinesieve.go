// Package kinesieve is the contract of wit/transform.wit, as Go sees it.
package kinesieve

// Event is one user record of a Kinesis stream.
type Event struct {
	Data         []byte
	PartitionKey string
	// A decimal integer of up to 56 digits, so larger than any machine integer.
	SequenceNumber string
	// The record's index inside its KPL aggregate; 0 for a record that travelled alone.
	SubSequenceNumber uint64
	// In milliseconds since the Unix epoch.
	ArrivedAt uint64
}

// Output is one record to deliver.
type Output struct {
	Data []byte
	// The key to deliver under; empty: the event's own.
	PartitionKey string
	// The name of a configured route; empty: the main output.
	Route string
}

// Setting is one setting of the deployment.
type Setting struct {
	Name, Value string
}

// Outcome is what becomes of an event: made by the functions below.
type Outcome struct {
	tag     uint32
	outputs []Output
	reason  string
}

const (
	tagKeep = iota
	tagDrop
	tagEmit
	tagRetry
	tagReject
)

// Keep delivers the event as it came, byte for byte.
func Keep() Outcome { return Outcome{tag: tagKeep} }

// Drop filters the event out: nothing is delivered, and the event is done.
func Drop() Outcome { return Outcome{tag: tagDrop} }

// Emit delivers these instead, in this order.
func Emit(outputs ...Output) Outcome { return Outcome{tag: tagEmit, outputs: outputs} }

// Replace delivers this instead, under the event's key, to the main output.
func Replace(data []byte) Outcome { return Emit(Output{Data: data}) }

// Retry lets the event, and all that follow it in its shard, come again.
func Retry(why string) Outcome { return Outcome{tag: tagRetry, reason: why} }

// Reject says that the event can never be processed: it is dead-lettered. Payloads don't belong into the reason: logs
// show it.
func Reject(why string) Outcome { return Outcome{tag: tagReject, reason: why} }

// Run takes the two functions of a transform; call it in init. configure is called once for each instance, and its
// error stops the start; process once for each event, in the order of its shard.
func Run(configure func([]Setting) error, process func(Event) Outcome) {
	transform.configure, transform.process = configure, process
}

var transform struct {
	configure func([]Setting) error
	process   func(Event) Outcome
}

// Level is how much a line of the log matters.
type Level uint32

const (
	Trace Level = iota
	Debug
	Info
	Warn
	Error
)

// Log writes one line to the processor's structured log.
func Log(level Level, message string) { importLog(level, message) }

// Shard is a shard of a stream.
type Shard struct {
	StreamARN, ShardID string
}

// CurrentShard is the shard that the event in hand came from.
func CurrentShard() Shard {
	var lists [2]list
	importCurrentShard(&lists)
	return Shard{StreamARN: lists[0].text(), ShardID: lists[1].text()}
}
