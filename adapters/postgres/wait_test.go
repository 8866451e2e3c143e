package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/uow"
)

func TestWait(t *testing.T) {
	outside, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := &conn{}
	ctx := &newUnit(outside, uow.Read, c).inside
	first := c.startWait(ctx, time.Hour, errNoConnection)
	if first.stop(); first.Err() != nil {
		t.Errorf("a wait that was in time: got error %v", first.Err())
	}
	second := c.startWait(ctx, 2*time.Hour, errSilent)
	if second != first {
		t.Error("the second wait of the unit has a context of its own")
	}
	if at, limited := second.Deadline(); !limited || time.Until(at) < 90*time.Minute {
		t.Errorf("the second wait ends at %v, %t", at, limited)
	}
	limited, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	other := c.startWait(limited, time.Hour, errSilent)
	if at, ok := other.Deadline(); other == second || !ok || time.Until(at) > time.Minute {
		t.Errorf("a wait with a shorter context ends at %v, %t", at, ok)
	}
	if other.stop(); other.Err() == nil || second.Err() != nil {
		t.Errorf("after a wait with another context: got the errors %v of it and %v of the unit's", other.Err(), second.Err())
	}
	second.stop()

	late := c.startWait(ctx, time.Nanosecond, errSilent)
	<-late.Done()
	late.stop()
	if late != first || !errors.Is(context.Cause(late), errSilent) || !errors.Is(late.Err(), context.DeadlineExceeded) {
		t.Errorf("a wait that was late: got error %v, and the cause %v", late.Err(), context.Cause(late))
	}
	after := c.startWait(ctx, time.Hour, errSilent)
	if after.Err() != nil {
		t.Errorf("a wait after one that was late: got error %v", after.Err())
	}
	cancel()
	<-after.Done()
	if after.stop(); !errors.Is(after.Err(), context.Canceled) {
		t.Errorf("a wait whose caller has left: got error %v", after.Err())
	}
	c.wait.close()
}
