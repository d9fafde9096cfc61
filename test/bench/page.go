package main

import (
	_ "embed"
	"os"
	"strconv"
	"strings"
	"text/template"
)

//go:embed page.md.tmpl
var pageText string

// line is a row as the page shows it.
type line struct{ Number, What, Target, Clock, CPU, Holds string }

// writePage writes docs/performance.md.
func writePage(rows []row, ytt bool) error {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	data := struct {
		Targets, Others []line
		Ytt             bool
		YttVersion      string
	}{Ytt: ytt, YttVersion: yttVersion}
	for _, r := range rows {
		l := line{r.number, r.what, r.target(), number(r.value.Clock), "", "yes"}
		if r.value.CPU > 0 {
			l.CPU = number(r.value.CPU)
		}
		switch {
		case r.bound == 0:
			data.Others = append(data.Others, l)
			continue
		case !r.holds():
			l.Holds = "**no**"
		}
		data.Targets = append(data.Targets, l)
	}
	var text strings.Builder
	if err := page.Execute(&text, data); err != nil {
		return err
	}
	return os.WriteFile(pageFile, []byte(text.String()), 0o644)
}

// rounded keeps three digits that count.
func rounded(value float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(value, 'g', 3, 64), 64)
	if err != nil {
		return value
	}
	return short
}
