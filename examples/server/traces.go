package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/cicerone-go/cicerone/adapters/traces"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// sendTraces is the maximum time to send the last spans.
const sendTraces = 5 * time.Second

// traced returns a configuration of a server that sends spans with OTLP over HTTP, if the usual
// variables name where: OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT. The
// others of OpenTelemetry work, too. stop sends the last spans.
func traced(ctx context.Context, c wiring.Config, log *slog.Logger) (of wiring.Config, stop func(), err error) {
	set := func(names ...string) bool {
		for _, name := range names {
			if os.Getenv(name) != "" {
				return true
			}
		}
		return false
	}
	if !set("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") ||
		strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return c, func() {}, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"} {
		if protocol := os.Getenv(name); protocol != "" && protocol != "http/protobuf" {
			return c, nil, fmt.Errorf("%s: the server sends traces with http/protobuf only", name)
		}
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return c, nil, fmt.Errorf("send traces: %w", err)
	}
	// Those of the environment come last and replace the others.
	described, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "cicerone"), attribute.String("service.version", c.Version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return c, nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(described))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", slog.Any("error", err)) }))
	c.Tracer = provider
	inner := c.Decorate
	c.Decorate = func(s ports.Storage) ports.Storage {
		if inner != nil {
			s = inner(s)
		}
		return traces.Storage(s, provider)
	}
	return c, func() {
		ctx, cancel := context.WithTimeout(context.Background(), sendTraces)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("the last spans were not sent", slog.Any("error", err))
		}
	}, nil
}
