package bench

/*
#cgo LDFLAGS: -lseccomp
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <unistd.h>

struct rule {
	uint32_t action;
	int nr;
	unsigned int count;
	struct scmp_arg_cmp args[6];
};

// build writes a filter into fd and reads it back into program. It returns the
// size in bytes, or a negative errno.
static ssize_t build(uint32_t fallback, uint32_t level, const uint32_t *arches, size_t n_arches,
	const struct rule *rules, size_t n_rules, int fd, void *program, size_t size)
{
	ssize_t rc = -ENOMEM;
	scmp_filter_ctx ctx = seccomp_init(fallback);
	if (ctx == NULL)
		return rc;
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, level);
	for (size_t i = 0; rc == 0 && i < n_arches; i++) {
		rc = seccomp_arch_add(ctx, arches[i]);
		if (rc == -EEXIST) // the native one
			rc = 0;
	}
	for (size_t i = 0; rc == 0 && i < n_rules; i++)
		rc = seccomp_rule_add_array(ctx, rules[i].action, rules[i].nr, rules[i].count, rules[i].args);
	if (rc == 0 && lseek(fd, 0, SEEK_SET) < 0)
		rc = -errno;
	if (rc == 0)
		rc = seccomp_export_bpf(ctx, fd);
	if (rc == 0) {
		rc = lseek(fd, 0, SEEK_CUR);
		rc = rc > size ? -E2BIG : pread(fd, program, rc, 0);
	}
	seccomp_release(ctx);
	return rc;
}
*/
import "C"

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"unsafe"

	library "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// libseccompC is libseccomp called once for a whole filter, so that nothing but
// its own time counts. Level is that of SCMP_FLTATR_CTL_OPTIMIZE: 1 is its
// default, 2 the binary tree of runc and crun.
func libseccompC(name string, level uint32) Compiler {
	return Compiler{Name: name, Express: libseccompKnows, Meaning: policy.Build, Prepare: func(r policy.Rules) (func() ([]byte, error), error) {
		arches := make([]C.uint32_t, len(r.ABIs))
		for i, abi := range r.ABIs {
			arches[i] = C.uint32_t(archesC[abi])
		}
		rules := make([]C.struct_rule, len(r.Rules))
		for i, rule := range r.Rules {
			if err := toC(&rules[i], rule); err != nil {
				return nil, err
			}
		}
		file, err := memoryFile()
		if err != nil {
			return nil, err
		}
		program := make([]byte, bpf.MaxInstructions*bpf.InstructionSize)
		return func() ([]byte, error) {
			n := C.build(C.uint32_t(r.Default), C.uint32_t(level), &arches[0], C.size_t(len(arches)), &rules[0], C.size_t(len(rules)),
				C.int(file.Fd()), unsafe.Pointer(&program[0]), C.size_t(len(program)))
			if n < 0 {
				return nil, fmt.Errorf("libseccomp: %w", syscall.Errno(-n))
			}
			return program[:n], nil
		}, nil
	}}
}

// The ABIs of x86_64 and the operators, as the library has them in C and in Go.
var (
	archesC = map[seccomp.ABI]uint32{
		seccomp.X86: C.SCMP_ARCH_X86, seccomp.X86_64: C.SCMP_ARCH_X86_64, seccomp.X32: C.SCMP_ARCH_X32,
	}
	archesGo = map[seccomp.ABI]library.ScmpArch{
		seccomp.X86: library.ArchX86, seccomp.X86_64: library.ArchAMD64, seccomp.X32: library.ArchX32,
	}
	opsC = map[policy.Op]uint32{
		policy.EQ: C.SCMP_CMP_EQ, policy.NE: C.SCMP_CMP_NE,
		policy.LT: C.SCMP_CMP_LT, policy.LE: C.SCMP_CMP_LE,
		policy.GE: C.SCMP_CMP_GE, policy.GT: C.SCMP_CMP_GT,
		policy.MaskedEQ: C.SCMP_CMP_MASKED_EQ,
	}
	opsGo = map[policy.Op]library.ScmpCompareOp{
		policy.EQ: library.CompareEqual, policy.NE: library.CompareNotEqual,
		policy.LT: library.CompareLess, policy.LE: library.CompareLessOrEqual,
		policy.GE: library.CompareGreaterEqual, policy.GT: library.CompareGreater,
		policy.MaskedEQ: library.CompareMaskedEqual,
	}
)

// toC is a rule for C. The values of actions are libseccomp's too.
func toC(to *C.struct_rule, r policy.Rule) error {
	nr, err := library.GetSyscallFromName(r.Syscall)
	if err != nil {
		return err
	}
	to.action, to.nr, to.count = C.uint32_t(r.Action), C.int(nr), C.uint(len(r.When))
	for i, c := range r.When {
		a := &to.args[i]
		a.arg, a.op, a.datum_a = C.uint(c.Arg), opsC[c.Op], C.scmp_datum_t(c.Value)
		if c.Op == policy.MaskedEQ {
			a.datum_a, a.datum_b = C.scmp_datum_t(c.Mask), C.scmp_datum_t(c.Value)
		}
	}
	return nil
}

// libseccompKnows leaves out what the library leaves out: names that it does not
// know, and calls that it does not know on some of the ABIs.
func libseccompKnows(r policy.Rules) (policy.Rules, error) {
	r = known(r, func(name string) bool {
		_, err := library.GetSyscallFromName(name)
		return err == nil
	})
	for i := range r.Rules {
		rule := &r.Rules[i]
		rule.ABIs = nil
		for _, abi := range r.ABIs {
			nr, err := library.GetSyscallFromNameByArch(rule.Syscall, archesGo[abi])
			if err != nil {
				return r, err
			}
			if nr > noSuchCall {
				rule.ABIs = append(rule.ABIs, abi)
			}
		}
	}
	r.Rules = slices.DeleteFunc(r.Rules, func(rule policy.Rule) bool { return len(rule.ABIs) == 0 })
	return r, nil
}

// noSuchCall is below the numbers of calls that an ABI has, and of those that it
// has through a multiplexer; what libseccomp has for the others is lower.
const noSuchCall = -10000

// libseccompGo is libseccomp with a call for each rule, as runc uses it.
func libseccompGo(name string) Compiler {
	return Compiler{Name: name, Express: libseccompKnows, Meaning: policy.Build, Prepare: func(r policy.Rules) (func() ([]byte, error), error) {
		file, err := memoryFile()
		if err != nil {
			return nil, err
		}
		return func() ([]byte, error) { return buildGo(r, file) }, nil
	}}
}

func buildGo(r policy.Rules, file *os.File) ([]byte, error) {
	filter, err := library.NewFilter(toGo(r.Default))
	if err != nil {
		return nil, err
	}
	defer filter.Release()
	if err := filter.SetOptimize(2); err != nil {
		return nil, err
	}
	for _, abi := range r.ABIs {
		if err := filter.AddArch(archesGo[abi]); err != nil {
			return nil, err
		}
	}
	for _, rule := range r.Rules {
		if err := addGo(filter, rule); err != nil {
			return nil, err
		}
	}
	if _, err := file.Seek(0, 0); err != nil {
		return nil, err
	}
	if err := filter.ExportBPF(file); err != nil {
		return nil, err
	}
	size, err := file.Seek(0, 1)
	if err != nil {
		return nil, err
	}
	program := make([]byte, size)
	_, err = file.ReadAt(program, 0)
	return program, err
}

func addGo(filter *library.ScmpFilter, rule policy.Rule) error {
	nr, err := library.GetSyscallFromName(rule.Syscall)
	if err != nil {
		return err
	}
	if len(rule.When) == 0 {
		return filter.AddRule(nr, toGo(rule.Action))
	}
	var conditions []library.ScmpCondition
	for _, c := range rule.When {
		values := []uint64{c.Value}
		if c.Op == policy.MaskedEQ {
			values = []uint64{c.Mask, c.Value}
		}
		condition, err := library.MakeCondition(uint(c.Arg), opsGo[c.Op], values...)
		if err != nil {
			return err
		}
		conditions = append(conditions, condition)
	}
	return filter.AddRuleConditional(nr, toGo(rule.Action), conditions)
}

// toGo is an action of the problems.
func toGo(a seccomp.Action) library.ScmpAction {
	switch a.Kind() {
	case seccomp.Allow:
		return library.ActAllow
	case seccomp.KillThread:
		return library.ActKillThread
	case seccomp.Err:
		return library.ActErrno.SetReturnCode(int16(a.Data()))
	}
	return library.ActInvalid
}

// memoryFile is a file that is nowhere: libseccomp before 2.6 exports to files
// only.
func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("filter", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	return os.NewFile(uintptr(fd), "filter"), nil
}
