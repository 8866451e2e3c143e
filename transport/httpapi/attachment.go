package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

type attachmentRequest struct {
	ID pathID `path:"id"`
}

var attachment = kithttp.Route[attachmentRequest, kithttp.Blob]{
	Name: "attachment", Method: http.MethodGet, Path: "/v1/messages/{id}/attachment",
	Summary: "Get the image of a message", Tags: tagMessaging,
	Media:  messaging.ImageTypes(),
	Faults: []*fault.Error{messaging.ErrNoAttachment},
	Headers: []kithttp.Header{{Name: "Content-Disposition", Description: "attachment, with a file name, unless the " +
		"request has the header Sec-Fetch-Dest: image, as that of an img tag."}},
}

func (a *API) attachment(ctx context.Context, caller users.Caller, req attachmentRequest) (kithttp.Blob, error) {
	image, err := a.services.Messaging.Attachment(ctx, caller.UserID, id.Message(req.ID))
	if err != nil {
		return kithttp.Blob{}, err
	}
	return kithttp.Blob{ContentType: image.MediaType, Body: image.Bytes, Header: http.Header{
		"Cache-Control":           {"private, max-age=31536000, immutable"},
		"Content-Disposition":     {disposition(ctx, req, image)},
		"Content-Security-Policy": {"sandbox; default-src 'none'"},
		"Vary":                    {"Authorization, Sec-Fetch-Dest"},
	}}, nil
}

// disposition returns the Content-Disposition of an image. Only an image tag may show it: opened by
// itself, it is saved. A browser that does not send Sec-Fetch-Dest ignores the header for image tags.
func disposition(ctx context.Context, req attachmentRequest, image messaging.Attachment) string {
	if slices.Equal(kithttp.RequestFrom(ctx).Header.Values("Sec-Fetch-Dest"), []string{"image"}) {
		return "inline"
	}
	_, kind, _ := strings.Cut(image.MediaType, "/")
	return `attachment; filename="` + id.Message(req.ID).String() + "." + kind + `"`
}
