// Package traces makes OpenTelemetry spans of the units of work of a store. It has the API of
// OpenTelemetry only; the host chooses the SDK and where spans go.
package traces

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Storage returns the storage with a span for each attempt of a unit of work. The span is a child
// of the span in the context of the unit. It has the mode, the number of the attempt and the kind
// of the error, and nothing of the data.
func Storage(s ports.Storage, provider trace.TracerProvider) ports.Storage {
	return storage{s, provider.Tracer("github.com/cicerone-go/cicerone/adapters/traces")}
}

type storage struct {
	ports.Storage
	tracer trace.Tracer
}

var modes = map[uow.Mode]string{uow.Write: "write", uow.Read: "read", uow.Snapshot: "snapshot"}

// Run implements uow.Runner.
func (s storage) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	ctx, span := s.tracer.Start(ctx, "store "+modes[mode], trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("cicerone.unit.mode", modes[mode]), attribute.Int("cicerone.unit.attempt", uow.Attempt(ctx)),
	))
	defer span.End() // also if fn panics
	err := s.Storage.Run(ctx, mode, fn)
	if err != nil {
		span.SetAttributes(attribute.String("error.type", string(fault.KindOf(err))))
		span.SetStatus(codes.Error, "") // not the text of the error, which may have anything in it
	}
	return err
}
