#include "dataset/regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <new>

namespace modr {
namespace {

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

struct FreeCompileContext {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};

}  // namespace

void Regex::FreeCode::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

void Regex::FreeMatchData::operator()(pcre2_real_match_data_8* data) const { pcre2_match_data_free(data); }

Regex::Regex(const std::string& pattern, Characters characters) : characters_(characters) {
  const std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  const uint32_t utf = characters == Characters::utf8 ? PCRE2_UTF | PCRE2_UCP : 0;
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                            utf | PCRE2_MULTILINE, &error, &offset, context.get()));
  if (!code_) fail("regular expression, byte {}: {}", offset, pcre2_message(error));
  // Without JIT (a processor that PCRE2 has no compiler for) the interpreter gives the same matches, slower.
  jit_ = pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE) == 0;
}

Regex::Scratch Regex::make_scratch() {
  Scratch scratch(pcre2_match_data_create(1, nullptr));  // one pair: the whole match
  if (!scratch) throw std::bad_alloc();
  return scratch;
}

std::size_t Regex::next_char(std::string_view text, std::size_t pos) const {
  ++pos;
  if (characters_ == Characters::bytes) return pos;
  while (pos < text.size() && (static_cast<unsigned char>(text[pos]) & 0xC0) == 0x80) ++pos;
  return pos;
}

bool Regex::find(std::string_view text, std::size_t from, const Scratch& scratch, Match& match) const {
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int rc = PCRE2_ERROR_JIT_STACKLIMIT;
  if (jit_) {
    rc = pcre2_jit_match(code_.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK, scratch.get(), nullptr);
  }
  // Deep backtracking outgrows the JIT's stack; the interpreter keeps its own on the heap.
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
    rc = pcre2_match(code_.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, scratch.get(),
                     nullptr);
  }
  if (rc == PCRE2_ERROR_NOMATCH) return false;
  if (rc < 0) fail("regular expression gave up at byte {} of the text: {}", from, pcre2_message(rc));
  const PCRE2_SIZE* pair = pcre2_get_ovector_pointer(scratch.get());
  match = {pair[0], pair[1]};
  return true;
}

}  // namespace modr
