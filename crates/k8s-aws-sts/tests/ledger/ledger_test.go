// Package ledger asks the Go program's own verifier, sigs.k8s.io/aws-iam-authenticator/pkg/token, about every question of a file.
// run.sh starts it.
//
// The verifier has no settable clock and transport. So each question is asked inside a bubble of testing/synctest, whose clock
// starts at midnight (UTC) of 1 January 2000 and is moved to the question's time by sleeping; and the default HTTP transport,
// which the verifier uses, is replaced by one that notes the request and gives the question's answer.
package ledger

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"sigs.k8s.io/aws-iam-authenticator/pkg/token"
)

const cluster = "production"

type question struct {
	Row       string  `json:"row"`
	Token     []byte  `json:"token"`
	Partition string  `json:"partition"`
	Now       int64   `json:"now"`
	Answer    *answer `json:"answer"`
}

type answer struct {
	Status  int         `json:"status"`
	Headers [][2]string `json:"headers"`
	Body    []byte      `json:"body"`
}

// stub is STS: it keeps the request that reached it.
type stub struct {
	answer answer
	asked  *http.Request
}

func (s *stub) RoundTrip(request *http.Request) (*http.Response, error) {
	if s.asked != nil {
		return nil, errors.New("asked twice")
	}
	s.asked = request
	header := http.Header{}
	for _, line := range s.answer.Headers {
		header.Add(line[0], line[1])
	}
	return &http.Response{
		StatusCode: s.answer.Status, Header: header, Request: request, Body: io.NopCloser(bytes.NewReader(s.answer.Body)),
	}, nil
}

// digest is the start of the SHA-256 of texts that are each preceded by their length.
func digest(texts ...string) string {
	hash := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(hash, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(hash.Sum(nil)[:6])
}

// reading is what net/url makes of a URL: scheme, host, path, and the pairs in the order of their bytes. User, fragment
// and port have no place in it: where there is one, the reading is unlike any that has none.
func reading(address *url.URL) string {
	query, err := url.ParseQuery(address.RawQuery)
	if err != nil || address.User != nil || address.Fragment != "" || address.Opaque != "" {
		return "unlike"
	}
	var pairs [][]string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, []string{name, value})
		}
	}
	slices.SortFunc(pairs, slices.Compare)
	return digest(append([]string{address.Scheme, address.Host, address.Path}, slices.Concat(pairs...)...)...)
}

// gate is the verdict about a token: what is asked of STS, or that nothing is.
func gate(q question) string {
	sts := &stub{answer: answer{Status: http.StatusInternalServerError}}
	http.DefaultTransport = sts
	_, err := token.NewVerifier(cluster, q.Partition, "").Verify(string(q.Token))
	if sts.asked == nil {
		if err == nil {
			panic("verified without a question to STS")
		}
		return "refuses"
	}
	if sts.asked.Method != http.MethodGet || sts.asked.Header.Get("x-k8s-aws-id") != cluster {
		return "asks-otherwise"
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(string(q.Token), "k8s-aws-v1."))
	if err != nil {
		panic(err)
	}
	inToken, err := url.Parse(string(text))
	if err != nil {
		panic(err)
	}
	// What is sent is read as what was in the token.
	if reading(sts.asked.URL) != reading(inToken) {
		return "asks-otherwise"
	}
	return "asks " + reading(sts.asked.URL)
}

// caller is the verdict about an answer of STS.
func caller(q question) string {
	http.DefaultTransport = &stub{answer: *q.Answer}
	identity, err := token.NewVerifier(cluster, q.Partition, "").Verify(string(q.Token))
	var throttled token.STSThrottling
	switch {
	case errors.As(err, &throttled):
		return "throttled"
	case err != nil:
		return "fails"
	}
	return "knows " + digest(identity.ARN, identity.CanonicalARN, identity.AccountID, identity.UserID, identity.SessionName)
}

func TestVerdicts(t *testing.T) {
	logrus.SetOutput(io.Discard)
	// Its metrics are made once, outside of any bubble.
	token.NewVerifier(cluster, "aws", "")
	questions, err := os.Open(os.Getenv("LEDGER_QUESTIONS"))
	if err != nil {
		t.Fatal(err)
	}
	defer questions.Close()
	var verdicts bytes.Buffer
	lines := bufio.NewScanner(questions)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			wait := time.Until(time.Unix(q.Now, 0))
			if wait < 0 {
				t.Fatalf("%s: before the clock's first second", q.Row)
			}
			time.Sleep(wait)
			if q.Answer == nil {
				fmt.Fprintln(&verdicts, q.Row, gate(q))
			} else {
				fmt.Fprintln(&verdicts, q.Row, caller(q))
			}
		})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("LEDGER_VERDICTS"), verdicts.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
