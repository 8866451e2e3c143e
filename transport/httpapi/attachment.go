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
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

type attachmentRequest struct {
	ID        pathID  `path:"id"`
	Signature *string `query:"signature" description:"That of the attachment_url of a message. It takes the place of the Authorization header, and is ignored beside one."`
}

var attachment = kithttp.Route[attachmentRequest, kithttp.Blob]{
	Name: "attachment", Method: http.MethodGet, Path: "/v1/messages/{id}/attachment",
	Summary: "Get the image of a message", Tags: tagMessaging,
	Media:  messaging.ImageTypes(),
	Faults: []*fault.Error{messaging.ErrNoAttachment, messaging.ErrImagesBusy},
	Headers: []kithttp.Header{{Name: "Content-Disposition", Description: "attachment, with a file name, unless the " +
		"request has the header Sec-Fetch-Dest: image, as that of an img tag."}},
}

func (a *API) serveAttachment() {
	r := attachment
	r.Security = []string{bearer}
	kithttp.Handle(a.server, describe(edge.Images, r, users.ErrNotSignedIn, users.ErrSuspended, edge.ErrLink), withCaller(a.attachment),
		a.arriving(a.gate.Arrive, edge.Images, a.viewer)...)
}

// viewer is the gate of attachments: it takes a token, or a signature of the path of an HTTP request.
func (a *API) viewer(ctx context.Context) (context.Context, error) {
	r := kithttp.RequestFrom(ctx)
	if r == nil {
		return a.gate.SignedIn(ctx)
	}
	signature := r.URL.Query().Get("signature")
	if signature == "" || r.Header.Get("Authorization") != "" {
		return a.gate.SignedIn(ctx)
	}
	return a.gate.Follow(ctx, a.links, attachmentResource(r.PathValue("id")), signature)
}

func attachmentResource(message string) string { return attachment.Name + " " + message }

func (a *API) attachmentPath(message id.Message) string {
	return a.basePath + strings.Replace(attachment.Path, "{id}", message.String(), 1)
}

// attachmentURL returns "" if signatures do not work with the Authenticator.
func (a *API) attachmentURL(message id.Message, viewer users.Caller) string {
	if !a.gate.Follows() {
		return ""
	}
	return a.attachmentPath(message) + "?signature=" + a.links.Sign(attachmentResource(message.String()), viewer)
}

func (a *API) attachment(ctx context.Context, caller users.Caller, req attachmentRequest) (kithttp.Blob, error) {
	image, err := a.services.Messaging.Attachment(ctx, caller.UserID, id.Message(req.ID))
	if err != nil {
		return kithttp.Blob{}, err
	}
	return kithttp.Blob{ContentType: image.MediaType, Body: image.Bytes, Header: http.Header{
		"Content-Disposition":     {disposition(ctx, req, image)},
		"Content-Security-Policy": {"sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'"},
	}}, nil
}

// disposition returns the Content-Disposition of an image. Only an image tag may show it, and only one
// that was cleaned: opened by itself, it is saved. A browser that does not send Sec-Fetch-Dest ignores the header for image tags.
func disposition(ctx context.Context, req attachmentRequest, image messaging.Attachment) string {
	r := kithttp.RequestFrom(ctx)
	if image.Cleaned && r != nil && slices.Equal(r.Header.Values("Sec-Fetch-Dest"), []string{"image"}) {
		return "inline"
	}
	_, kind, _ := strings.Cut(image.MediaType, "/")
	return `attachment; filename="` + id.Message(req.ID).String() + "." + kind + `"`
}
