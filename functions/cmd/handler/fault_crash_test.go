package main

import (
	"testing"
	"time"
)

func TestCalm(t *testing.T) {
	for _, mode := range []string{"own", "microsoft"} {
		t.Run(mode, func(t *testing.T) {
			inTrial(t, setup{mail: mode, procs: 2}, func(w *trial) {
				w.drop("calm.csv", everybody(20))
				w.promised(time.Hour, allOf(20))
				t.Log(w.describe())
			})
		})
	}
}
