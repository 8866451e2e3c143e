package histories

import (
	"context"
	"errors"
	"iter"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/users"
)

// export returns an export with its lists read, so that it can be compared.
func export(ctx context.Context, c *lane, who id.User) (any, error) {
	e, err := c.Privacy.Export(ctx, users.Caller{UserID: who})
	if err != nil {
		return nil, err
	}
	talks, err := page.Collect(e.Conversations)
	overviews, messages := make([]messaging.Overview, len(talks)), make([][]messaging.Message, len(talks))
	var images []messaging.Attachment
	var errs []error
	for i, talk := range talks {
		overviews[i] = talk.Overview
		for _, m := range collect(talk.Messages, &errs) {
			messages[i] = append(messages[i], m.Message)
			if m.Image != nil {
				image, err := m.Image()
				images, errs = append(images, image), append(errs, err)
			}
		}
	}
	lists := []any{
		collect(e.Transactions, &errs), collect(e.Reservations, &errs), collect(e.Reports, &errs), collect(e.Blocks, &errs),
		collect(e.Sessions, &errs), collect(e.Sanctions, &errs), collect(e.Acts, &errs),
	}
	e.Transactions, e.Conversations, e.Reservations, e.Reports, e.Blocks, e.Sessions, e.Sanctions = nil, nil, nil, nil, nil, nil, nil
	e.Acts = nil
	return struct {
		Rest      privacy.Export
		Overviews []messaging.Overview
		Messages  [][]messaging.Message
		Images    []messaging.Attachment
		Lists     []any
	}{e, overviews, messages, images, lists}, errors.Join(append(errs, err)...)
}

func collect[T any](items iter.Seq2[T, error], errs *[]error) []T {
	all, err := page.Collect(items)
	*errs = append(*errs, err)
	return all
}
