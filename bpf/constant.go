package bpf

import "github.com/callgate/callgate/seccomp"

// ConstantAllow reports whether the kernel can tell, from the architecture and
// the number alone, that the filter allows a call. Since Linux 5.11 it then
// makes the call without running the filter. It finds out when the filter is
// installed, by an emulation that gives up at the first instruction it does not
// understand (kernel/seccomp.c, seccomp_is_const_allow), and keeps the answers
// in a bitmap (seccomp_cache_prepare_bitmap). What it understands:
//
//   - loads of the number and of the architecture, of no other word;
//   - [JumpAlways], and [JumpEQ], [JumpGT], [JumpGE] and [JumpSet], but none of
//     the forms that compare with X;
//   - [And], no other arithmetic;
//   - [Return], whose constant must be [seccomp.Allow] and nothing more: data
//     that the kernel otherwise ignores counts here, and LOG is no ALLOW. A
//     [ReturnA] is not understood.
//
// Not every pair of an architecture and a number has a bit: those of the
// kernel's own architecture and of its 32-bit one do (SECCOMP_ARCH_NATIVE and
// SECCOMP_ARCH_COMPAT in arch/*/include/asm/seccomp.h: x86_64 and i386, aarch64
// and arm, s390x and s390, ...), for numbers from 0 up to the length of that
// kernel's table (SECCOMP_ARCH_NATIVE_NR, SECCOMP_ARCH_COMPAT_NR). The numbers of
// x32 lie behind the end of x86_64's and have none. A kernel for which these are
// not defined, as for MIPS, keeps no bitmap. For a pair without a bit the filter
// always runs, whatever this function says. Of several filters on a thread each
// must allow the call.
//
// The cost is at most one step for each instruction; it does not allocate.
func (f *Filter) ConstantAllow(arch, nr uint32) bool {
	var a uint32
	for pc := 0; pc < len(f.program); pc++ {
		i := &f.program[pc]
		switch i.Code {
		case LoadAbs:
			switch i.K {
			case seccomp.OffsetNR:
				a = nr
			case seccomp.OffsetArch:
				a = arch
			default:
				return false
			}
		case JumpAlways:
			pc += int(i.K)
		case JumpEQ:
			pc += i.skip(a == i.K)
		case JumpGT:
			pc += i.skip(a > i.K)
		case JumpGE:
			pc += i.skip(a >= i.K)
		case JumpSet:
			pc += i.skip(a&i.K != 0)
		case And:
			a &= i.K
		case Return:
			return seccomp.Action(i.K) == seccomp.Allow
		default:
			return false
		}
	}
	return false // the zero Filter
}
