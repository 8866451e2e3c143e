package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/go-json-experiment/json"

	"github.com/cicerone-go/cicerone/core/messaging"
)

// document writes a JSON document piece by piece. After the first error it writes nothing, so that
// a document that failed is never closed.
type document struct {
	w     *bufio.Writer
	err   error
	comma bool // the next value of an object or a list follows another one

	ctx    context.Context // of the request, for borrowing images
	images lender
	piece  []byte // of an image
}

func newDocument(ctx context.Context, w io.Writer, images lender) *document {
	return &document{w: bufio.NewWriterSize(w, 32<<10), ctx: ctx, images: images}
}

// fail keeps the first error, and reports whether there is one.
func (d *document) fail(err error) bool {
	if d.err == nil {
		d.err = err
	}
	return d.err != nil
}

func (d *document) text(s string) {
	if d.err == nil {
		_, err := d.w.WriteString(s)
		d.fail(err)
	}
}

// next separates a value from the one before.
func (d *document) next() {
	if d.comma {
		d.text(",")
	}
	d.comma = true
}

// begin begins an object or a list, which is an item or the whole document.
func (d *document) begin(bracket rune) {
	d.next()
	d.text(string(bracket))
	d.comma = false
}

func (d *document) end(bracket rune) {
	d.text(string(bracket))
	d.comma = true
}

// item writes a whole value.
func (d *document) item(v any) {
	d.next()
	d.value(v)
}

func (d *document) value(v any) {
	if d.err != nil {
		return
	}
	b, err := json.Marshal(v, json.Deterministic(true))
	if d.fail(err) {
		return
	}
	_, err = d.w.Write(b)
	d.fail(err)
}

func (d *document) name(name string) {
	d.next()
	d.text(`"` + name + `":`)
}

// member writes a member of an object.
func (d *document) member(name string, v any) {
	d.name(name)
	d.value(v)
}

// list begins a member of an object that is a list.
func (d *document) list(name string) {
	d.name(name)
	d.text("[")
	d.comma = false
}

// members writes a member of an object that is a list.
func members[T, W any](d *document, name string, items iter.Seq2[T, error], wire func(T) W) {
	d.list(name)
	for item, err := range items {
		if d.fail(err) {
			return
		}
		d.item(wire(item))
	}
	d.end(']')
}

// image writes a member of an object that is an image as a data URL. It encodes the bytes in
// pieces, and borrows the image again if it had to be returned.
func (d *document) image(name string, read func() (messaging.Attachment, error)) {
	d.name(name)
	for at, size := 0, 1; d.err == nil && at < size; {
		l, err := d.images.borrow(d.ctx, read)
		if d.fail(err) {
			return
		}
		if size = l.size; at == 0 {
			d.text(`"data:` + l.mediaType + `;base64,`)
		}
		for n := -1; n != 0 && d.err == nil; at += n {
			if d.piece, n = l.encode(d.piece[:0], at); n > 0 {
				_, err := d.w.Write(d.piece)
				d.fail(err)
			}
		}
		l.giveBack()
	}
	d.text(`"`)
}

// flush writes what is left, and returns the first error.
func (d *document) flush() error {
	if d.err == nil {
		d.fail(d.w.Flush())
	}
	if d.err != nil {
		return fmt.Errorf("write an export: %w", d.err)
	}
	return nil
}
