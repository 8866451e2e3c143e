package kitgrpc

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// domain is that of the ErrorInfo of every status.
const domain = "cicerone"

// kindKey is the key of the kind of failure in the metadata of an ErrorInfo. Several kinds have the same
// code of gRPC.
const kindKey = "kind"

// maxDetails is the greatest number of bytes of the fields in a status. Some clients accept no more
// than 8 KiB of headers.
const maxDetails = 4 << 10

// StatusOf returns the status of a failure that [failure.Public] has made fit for clients. It has
// an ErrorInfo with the code as its reason, a BadRequest if there are fields, and a RetryInfo if the
// client may try again.
func StatusOf(f *fault.Error) *status.Status {
	s := status.New(codes.Code(failure.CodesOf(f.Kind).GRPC), failure.Readable(f.Detail, failure.MaxDetail))
	info := &errdetails.ErrorInfo{Reason: f.Code, Domain: domain, Metadata: map[string]string{kindKey: string(f.Kind)}}
	if s, err := s.WithDetails(info); err == nil { // it fails only for codes.OK
		if bad := badRequest(f.Fields); bad != nil {
			s, _ = s.WithDetails(bad)
		}
		if after := retryAfter(f); after > 0 {
			s, _ = s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
		}
		return s
	}
	return s
}

// badRequest returns the first fields for which there is room, or nil if there are none.
func badRequest(fields []fault.Field) *errdetails.BadRequest {
	bad := &errdetails.BadRequest{}
	for _, field := range fields[:min(len(fields), fault.MaxFields)] {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field:       failure.Readable(field.Name, failure.MaxName),
			Description: failure.Readable(field.Message, failure.MaxMessage),
		})
		if n := len(bad.FieldViolations); proto.Size(bad) > maxDetails {
			bad.FieldViolations = bad.FieldViolations[:n-1]
			break
		}
	}
	if len(bad.FieldViolations) == 0 {
		return nil
	}
	return bad
}

// retryAfter returns how long a client is to wait, or 0 if another try is of no use.
func retryAfter(f *fault.Error) time.Duration {
	if f.RetryAfter == 0 && (f.Kind == fault.TooManyRequests || f.Kind == fault.Unavailable) {
		return time.Second
	}
	return f.RetryAfter
}

// FaultOf returns the *fault.Error from which a server made the status of an error, so that errors.Is
// holds for its kind and for an error of the same kind and code. The status of another server, or of
// the connection, becomes an error of the nearest kind. An end of ctx is returned as such, and nil as
// nil.
func FaultOf(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	s := status.Convert(err)
	if ctx.Err() != nil && (s.Code() == codes.Canceled || s.Code() == codes.DeadlineExceeded) {
		return ctx.Err()
	}
	f := &fault.Error{Kind: kindOf(s.Code()), Detail: s.Message()}
	f.Code = string(f.Kind)
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if kind := d.GetMetadata()[kindKey]; d.GetDomain() == domain && kind != "" {
				f.Kind, f.Code = fault.Kind(kind), d.GetReason()
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				f.Fields = append(f.Fields, fault.Field{Name: v.GetField(), Message: v.GetDescription()})
			}
		case *errdetails.RetryInfo:
			f.RetryAfter = d.GetRetryDelay().AsDuration()
		}
	}
	return f
}

// kindOf returns the kind of failure that a code of gRPC is nearest to.
func kindOf(c codes.Code) fault.Kind {
	if kind, ok := failure.KindOf(func(known failure.Codes) bool { return codes.Code(known.GRPC) == c }); ok {
		return kind
	}
	switch c {
	case codes.Canceled, codes.DeadlineExceeded:
		return fault.Unavailable
	case codes.AlreadyExists, codes.Aborted:
		return fault.Conflict
	case codes.OutOfRange:
		return fault.Invalid
	default:
		return fault.Internal
	}
}
