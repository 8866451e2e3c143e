package images

import (
	"image"
	"image/color"
)

// plane is a rectangle of samples, of one or more bytes each.
type plane struct {
	pix    []byte
	stride int
	each   int // bytes
	w, h   int
}

// turned returns a copy of the plane, turned and mirrored as an orientation of EXIF says. 5 to 8
// swap the width and the height.
func (p plane) turned(orientation int) plane {
	t := plane{each: p.each, w: p.w, h: p.h}
	if orientation >= 5 {
		t.w, t.h = p.h, p.w
	}
	t.stride = t.w * t.each
	t.pix = make([]byte, t.stride*t.h)
	for y := range t.h {
		for x := range t.w {
			fx, fy := x, y // in p
			switch orientation {
			case 2:
				fx = p.w - 1 - x
			case 3:
				fx, fy = p.w-1-x, p.h-1-y
			case 4:
				fy = p.h - 1 - y
			case 5:
				fx, fy = y, x
			case 6:
				fx, fy = y, p.h-1-x
			case 7:
				fx, fy = p.w-1-y, p.h-1-x
			case 8:
				fx, fy = p.w-1-y, x
			}
			copy(t.pix[y*t.stride+x*t.each:][:t.each], p.pix[fy*p.stride+fx*p.each:])
		}
	}
	return t
}

// turn returns the image turned and mirrored as an orientation of EXIF says. It knows the types that
// narrow returns.
func turn(m image.Image, orientation int) image.Image {
	if orientation == 1 {
		return m
	}
	size := m.Bounds().Size()
	one := func(pix []byte, stride, each int) (plane, image.Rectangle) {
		t := plane{pix, stride, each, size.X, size.Y}.turned(orientation)
		return t, image.Rect(0, 0, t.w, t.h)
	}
	switch m := m.(type) {
	case *image.Gray:
		t, r := one(m.Pix, m.Stride, 1)
		return &image.Gray{Pix: t.pix, Stride: t.stride, Rect: r}
	case *image.Paletted:
		t, r := one(m.Pix, m.Stride, 1)
		return &image.Paletted{Pix: t.pix, Stride: t.stride, Rect: r, Palette: m.Palette}
	case *image.RGBA:
		t, r := one(m.Pix, m.Stride, 4)
		return &image.RGBA{Pix: t.pix, Stride: t.stride, Rect: r}
	case *image.NRGBA:
		t, r := one(m.Pix, m.Stride, 4)
		return &image.NRGBA{Pix: t.pix, Stride: t.stride, Rect: r}
	case *image.CMYK:
		t, r := one(m.Pix, m.Stride, 4)
		return &image.CMYK{Pix: t.pix, Stride: t.stride, Rect: r}
	case *image.YCbCr:
		return turnYCbCr(m, orientation)
	}
	return m
}

// turnYCbCr turns the three planes. Of the ratios that image cannot hold when they are turned, it
// makes 4:4:4 first.
func turnYCbCr(m *image.YCbCr, orientation int) image.Image {
	ratio := m.SubsampleRatio
	if orientation >= 5 {
		switch ratio {
		case image.YCbCrSubsampleRatio422:
			ratio = image.YCbCrSubsampleRatio440
		case image.YCbCrSubsampleRatio440:
			ratio = image.YCbCrSubsampleRatio422
		case image.YCbCrSubsampleRatio410, image.YCbCrSubsampleRatio411:
			m = unsampled(m)
			ratio = m.SubsampleRatio
		}
	}
	size, chroma := m.Bounds().Size(), chromaSize(m)
	y := plane{m.Y, m.YStride, 1, size.X, size.Y}.turned(orientation)
	cb := plane{m.Cb, m.CStride, 1, chroma.X, chroma.Y}.turned(orientation)
	cr := plane{m.Cr, m.CStride, 1, chroma.X, chroma.Y}.turned(orientation)
	return &image.YCbCr{
		Y: y.pix, Cb: cb.pix, Cr: cr.pix, YStride: y.stride, CStride: cb.stride,
		SubsampleRatio: ratio, Rect: image.Rect(0, 0, y.w, y.h),
	}
}

// chromaSize returns the size of the planes Cb and Cr of an image that begins at (0, 0).
func chromaSize(m *image.YCbCr) image.Point {
	last := m.COffset(m.Rect.Max.X-1, m.Rect.Max.Y-1)
	return image.Pt(last%m.CStride+1, last/m.CStride+1)
}

// unsampled returns a 4:4:4 copy.
func unsampled(m *image.YCbCr) *image.YCbCr {
	c := image.NewYCbCr(m.Rect, image.YCbCrSubsampleRatio444)
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
			to, from := c.YOffset(x, y), m.COffset(x, y)
			c.Y[to], c.Cb[to], c.Cr[to] = m.Y[m.YOffset(x, y)], m.Cb[from], m.Cr[from]
		}
	}
	return c
}

// narrow returns the image with 8 bits a sample, in the same memory, and without a separate alpha
// channel.
func narrow(m image.Image) image.Image {
	switch m := m.(type) {
	case *image.Gray16:
		return &image.Gray{Pix: halved(m.Pix), Stride: m.Stride / 2, Rect: m.Rect}
	case *image.RGBA64:
		return &image.RGBA{Pix: halved(m.Pix), Stride: m.Stride / 2, Rect: m.Rect}
	case *image.NRGBA64:
		return &image.NRGBA{Pix: halved(m.Pix), Stride: m.Stride / 2, Rect: m.Rect}
	case *image.NYCbCrA:
		if m.Opaque() {
			return &m.YCbCr
		}
		to := image.NewNRGBA(m.Rect)
		for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
			for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
				c := m.NYCbCrAAt(x, y)
				r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
				to.SetNRGBA(x, y, color.NRGBA{R: r, G: g, B: b, A: c.A})
			}
		}
		return to
	}
	return m
}

// halved keeps the high byte of each sample of 16 bits.
func halved(pix []byte) []byte {
	n := len(pix) / 2
	for i := range n {
		pix[i] = pix[2*i]
	}
	return pix[:n:n]
}

// moved moves an image of x/image/webp.
func moved(m image.Image, by image.Point) image.Image {
	switch m := m.(type) {
	case *image.YCbCr:
		m.Rect = m.Rect.Add(by)
	case *image.NYCbCrA:
		m.Rect = m.Rect.Add(by)
	case *image.NRGBA:
		m.Rect = m.Rect.Add(by)
	}
	return m
}
