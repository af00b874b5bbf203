// Reads every body of requests.json with the two JSON readers that Kubernetes programs use, and prints what each makes
// of it. tests/requests.rs holds our reader against the answers.
//
//   - std: encoding/json, the first value of the stream. The Go aws-iam-authenticator reads its requests like this.
//   - kubernetes: sigs.k8s.io/json, the whole body. Kubernetes' own decoder is built on it.
//
// To make readers.json again, from a Go module that requires k8s.io/api and sigs.k8s.io/json:
//
//	go run readers.go requests.json > readers.json
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	kubernetesjson "sigs.k8s.io/json"
)

type row struct {
	Name string          `json:"name"`
	Body json.RawMessage `json:"body"`
}

type part struct {
	Repeat string `json:"repeat"`
	Times  int    `json:"times"`
	Hex    string `json:"hex"`
}

type reading struct {
	Kind       string   `json:"kind"`
	APIVersion string   `json:"apiVersion"`
	Token      string   `json:"token"`
	Audiences  []string `json:"audiences"`
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func body(raw json.RawMessage) []byte {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []byte(text)
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		panic(err)
	}
	var whole []byte
	for _, raw := range parts {
		if json.Unmarshal(raw, &text) == nil {
			whole = append(whole, text...)
			continue
		}
		var p part
		if err := json.Unmarshal(raw, &p); err != nil {
			panic(err)
		}
		whole = append(whole, strings.Repeat(p.Repeat, p.Times)...)
		whole = append(whole, must(hex.DecodeString(p.Hex))...)
	}
	return whole
}

// What a reader read; nil where it refused. What is too long to print is printed as its length.
func read(decode func(*authenticationv1.TokenReview) error) *reading {
	var review authenticationv1.TokenReview
	if decode(&review) != nil {
		return nil
	}
	token := review.Spec.Token
	if len(token) > 1000 {
		token = fmt.Sprintf("%d bytes", len(token))
	}
	audiences := review.Spec.Audiences
	if len(audiences) > 100 {
		audiences = []string{fmt.Sprintf("%d audiences", len(audiences))}
	}
	return &reading{review.Kind, review.APIVersion, token, audiences}
}

func main() {
	var rows []row
	if err := json.Unmarshal(must(os.ReadFile(os.Args[1])), &rows); err != nil {
		panic(err)
	}
	fmt.Println("{")
	for i, row := range rows {
		body := body(row.Body)
		readings := map[string]*reading{
			"std": read(func(review *authenticationv1.TokenReview) error {
				return json.NewDecoder(bytes.NewReader(body)).Decode(review)
			}),
			"kubernetes": read(func(review *authenticationv1.TokenReview) error {
				return kubernetesjson.UnmarshalCaseSensitivePreserveInts(body, review)
			}),
		}
		comma := ","
		if i == len(rows)-1 {
			comma = ""
		}
		fmt.Printf("%s: %s%s\n", must(json.Marshal(row.Name)), must(json.Marshal(readings)), comma)
	}
	fmt.Println("}")
}
