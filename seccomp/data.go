package seccomp

import "encoding/binary"

// DataSize is the size in bytes of struct seccomp_data. A filter reads it as
// 16 aligned words of 32 bits.
const DataSize = 64

// Byte offsets of the fields of struct seccomp_data (linux/seccomp.h). An
// argument is a 64-bit value in the byte order of the machine: the offset of
// its high and low word comes from [ArgOffsets].
const (
	OffsetNR   = 0
	OffsetArch = 4
	OffsetIP   = 8
	OffsetArgs = 16
)

// Data is struct seccomp_data: one system call as a filter sees it.
type Data struct {
	// NR is the system call number in the number space of the call's ABI.
	// The kernel's field is a signed int; filters compare it as unsigned.
	NR uint32
	// Arch is the AUDIT_ARCH value of the entry that the call came through.
	Arch uint32
	// IP is the address of the instruction after the system call.
	IP uint64
	// Args are the six argument registers, zero-extended where the ABI's
	// registers have 32 bits.
	Args [6]uint64
}

// ABI reports which ABI the call was made through; ok is false for an
// AUDIT_ARCH value that no known ABI has.
func (d Data) ABI() (abi ABI, ok bool) { return ABIOf(d.Arch, d.NR) }

// Bytes returns d as the kernel lays it out on a machine of the given order.
func (d Data) Bytes(order binary.ByteOrder) [DataSize]byte {
	var b [DataSize]byte
	order.PutUint32(b[OffsetNR:], d.NR)
	order.PutUint32(b[OffsetArch:], d.Arch)
	order.PutUint64(b[OffsetIP:], d.IP)
	for i, a := range d.Args {
		order.PutUint64(b[OffsetArgs+8*i:], a)
	}
	return b
}

// Word returns the 32-bit word at byte offset off (a multiple of 4 below
// [DataSize]) as a load instruction of a filter reads it on a machine of the
// given order. It panics on any other offset.
func (d Data) Word(order binary.ByteOrder, off uint32) uint32 {
	switch off {
	case OffsetNR:
		return d.NR
	case OffsetArch:
		return d.Arch
	}
	v := d.IP
	if off >= OffsetArgs {
		v = d.Args[(off-OffsetArgs)/8]
	}
	if off%4 != 0 {
		panic("seccomp: unaligned offset")
	}
	if (off%8 == 0) == bigEndian(order) {
		return uint32(v >> 32)
	}
	return uint32(v)
}

// ArgOffsets returns the byte offsets of the high and the low word of
// argument i (0 to 5) on a machine of the given order.
func ArgOffsets(order binary.ByteOrder, i int) (high, low uint32) {
	return halves(order, uint32(OffsetArgs+8*i))
}

// IPOffsets returns the byte offsets of the high and the low word of the
// instruction pointer on a machine of the given order.
func IPOffsets(order binary.ByteOrder) (high, low uint32) { return halves(order, OffsetIP) }

func halves(order binary.ByteOrder, base uint32) (high, low uint32) {
	if bigEndian(order) {
		return base, base + 4
	}
	return base + 4, base
}

// bigEndian asks order itself, for binary.NativeEndian is neither of the two.
func bigEndian(order binary.ByteOrder) bool {
	return order.Uint16([]byte{0, 1}) == 1
}
