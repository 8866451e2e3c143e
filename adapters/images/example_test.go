package images_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"

	"github.com/cicerone-go/cicerone/adapters/images"
)

func Example() {
	ctx := context.Background()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 640, 480))); err != nil {
		fmt.Println(err)
		return
	}
	var inspector images.Inspector
	fmt.Println(inspector.Inspect(ctx, picture.Bytes()))

	_, _, _, err := inspector.Inspect(ctx, []byte("<svg onload='alert(1)'/>"))
	fmt.Println(errors.Is(err, images.ErrNotAnImage))
	// Output:
	// image/png 640 480 <nil>
	// true
}
