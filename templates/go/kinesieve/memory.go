package kinesieve

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"unsafe"
)

// Where the processor puts what it hands over. While it does, the component must not call out, and Go's garbage
// collector does: it may not even begin then. So it never runs by itself, but at the start of a call.

const (
	// What comes with most records lies in here; a larger one has memory of its own.
	roomBytes = 2 << 20
	// What may come before the heap is looked at, in calls and in bytes.
	lookCalls = 32
	lookBytes = 1 << 20
	// The heap that is no reason to collect anything.
	heapBytes = 16 << 20
)

var (
	// Held as numbers of 8 bytes, and so aligned for everything.
	room   = make([]uint64, roomBytes/8)
	used   uintptr
	larger [][]uint64

	calls, bytes int
	limit        = uint64(heapBytes)
	heap         = make([]metrics.Sample, 1)
)

func init() {
	debug.SetGCPercent(-1)
	heap[0].Name = "/memory/classes/heap/objects:bytes"
}

//go:wasmexport cabi_realloc
func allocate(old unsafe.Pointer, oldLength, alignment, length uint32) unsafe.Pointer {
	start := unsafe.Pointer(unsafe.SliceData(room))
	if length == 0 {
		return start
	}
	words := (uintptr(length) + 7) / 8
	var allocated unsafe.Pointer
	if used+words*8 <= roomBytes {
		allocated = unsafe.Add(start, used)
		used += words * 8
	} else {
		memory := make([]uint64, words)
		larger = append(larger, memory)
		allocated = unsafe.Pointer(unsafe.SliceData(memory))
	}
	if oldLength > 0 {
		copy(unsafe.Slice((*byte)(allocated), length), unsafe.Slice((*byte)(old), oldLength))
	}
	return allocated
}

// What lies between Go and the processor keeps some memory of its own, and asks for it before Go's is ready.
var (
	lasting     [4 * 65536 / 8]uint64
	lastingUsed uintptr
)

//go:wasmexport cabi_realloc_adapter
func allocateForEver(old unsafe.Pointer, oldLength, alignment, length uint32) unsafe.Pointer {
	start := (lastingUsed + uintptr(alignment) - 1) &^ (uintptr(alignment) - 1)
	lastingUsed = start + uintptr(length)
	if oldLength > 0 || lastingUsed > unsafe.Sizeof(lasting) {
		panic("kinesieve: what lies between Go and the processor wants more memory than is set aside for it")
	}
	return unsafe.Add(unsafe.Pointer(&lasting), start)
}

// All that was handed over is copied.
func giveBack() {
	used = 0
	larger = nil
}

func collectGarbage(length uint32) {
	calls, bytes = calls+1, bytes+int(length)
	if calls < lookCalls && bytes < lookBytes {
		return
	}
	calls, bytes = 0, 0
	metrics.Read(heap)
	if heap[0].Value.Uint64() < limit {
		return
	}
	// What is in hand lies in `room` and `larger`, which are held.
	runtime.GC()
	metrics.Read(heap)
	limit = max(heapBytes, 2*heap[0].Value.Uint64())
}
