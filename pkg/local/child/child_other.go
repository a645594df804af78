//go:build !linux

package child

import "syscall"

// dieWithParent has no counterpart outside Linux: a child outlives a parent that is killed there.
func dieWithParent() *syscall.SysProcAttr { return nil }
