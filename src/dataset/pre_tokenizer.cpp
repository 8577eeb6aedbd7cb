#include "dataset/pre_tokenizer.hpp"

#include "dataset/byte_symbols.hpp"

namespace modr {
namespace {

/// Takes the spans of a text in order, each a match or not, and hands out what the behavior makes of them.
class SpanJoiner {
 public:
  using SpanSink = std::function<void(std::size_t begin, std::size_t end)>;
  SpanJoiner(SplitBehavior behavior, const SpanSink& sink) : behavior_(behavior), sink_(sink) {}

  void add(std::size_t begin, std::size_t end, bool is_match) {
    if (begin == end) return;
    if (behavior_ == SplitBehavior::removed) {
      if (!is_match) sink_(begin, end);
    } else if (begin_ != end_ && joins(is_match)) {
      end_ = end;
      last_is_match_ = is_match;
    } else {
      flush();
      begin_ = begin;
      end_ = end;
      last_is_match_ = is_match;
    }
  }

  void flush() {
    if (begin_ != end_) sink_(begin_, end_);
    begin_ = end_;
  }

 private:
  bool joins(bool is_match) const {
    switch (behavior_) {
      case SplitBehavior::contiguous: return is_match == last_is_match_;
      case SplitBehavior::merged_with_previous: return is_match && !last_is_match_;
      case SplitBehavior::merged_with_next: return !is_match && last_is_match_;
      case SplitBehavior::removed:
      case SplitBehavior::isolated: return false;
    }
    return false;
  }

  SplitBehavior behavior_;
  const SpanSink& sink_;
  std::size_t begin_ = 0, end_ = 0;  // the span that may still grow; empty when there is none
  bool last_is_match_ = false;
};

void for_each_span_of_text(const Split& split, std::string_view text, const SpanJoiner::SpanSink& sink) {
  SpanJoiner joiner(split.behavior, sink);
  std::size_t done = 0;
  split.regex.for_each_match(text, [&](std::size_t begin, std::size_t end) {
    joiner.add(done, begin, split.invert);
    joiner.add(begin, end, !split.invert);
    done = end;
  });
  joiner.add(done, text.size(), split.invert);
  joiner.flush();
}

/// Splits by what the expression finds in the symbols of `text`, one symbol a byte.
void for_each_span_of_symbols(const Split& split, std::string_view text, const SpanJoiner::SpanSink& sink) {
  const std::string symbols = to_symbols(text);
  std::vector<std::size_t> byte_of(symbols.size() + 1, text.size());  // offset in symbols -> offset in text
  for (std::size_t byte = 0, offset = 0; byte < text.size(); ++byte) {
    byte_of[offset] = byte;
    offset += byte_symbol(static_cast<uint8_t>(text[byte])).size();
  }
  for_each_span_of_text(split, symbols,
                        [&](std::size_t begin, std::size_t end) { sink(byte_of[begin], byte_of[end]); });
}

void for_each_span(const Split& split, std::string_view text, const SpanJoiner::SpanSink& sink) {
  if (split.on_symbols) {
    for_each_span_of_symbols(split, text, sink);
  } else {
    for_each_span_of_text(split, text, sink);
  }
}

std::string with_metaspaces(const Metaspace& step, std::string_view text, bool at_start) {
  std::string result;
  for (const char c : text) c == ' ' ? result.append(step.replacement) : result.append(1, c);
  const bool wanted = step.prepend == Metaspace::Prepend::always ||
                      (step.prepend == Metaspace::Prepend::first && at_start);
  return wanted && !result.starts_with(step.replacement) ? step.replacement + result : result;
}

}  // namespace

void PreTokenizer::run(std::size_t step_idx, std::string_view text, bool at_start, const Sink& sink) const {
  if (text.empty()) return;
  if (step_idx == steps_.size()) return sink(text);
  const auto split_up = [&](const Split& split, std::string_view whole) {
    for_each_span(split, whole, [&](std::size_t begin, std::size_t end) {
      run(step_idx + 1, whole.substr(begin, end - begin), at_start && begin == 0, sink);
    });
  };
  const Step& step = steps_[step_idx];
  if (const auto* split = std::get_if<Split>(&step)) {
    split_up(*split, text);
  } else if (const auto* metaspace = std::get_if<Metaspace>(&step)) {
    const std::string changed = with_metaspaces(*metaspace, text, at_start);
    if (metaspace->split) return split_up(*metaspace->split, changed);
    run(step_idx + 1, changed, at_start, sink);
  } else if (text.starts_with(' ')) {
    run(step_idx + 1, text, at_start, sink);
  } else {
    run(step_idx + 1, " " + std::string(text), at_start, sink);
  }
}

}  // namespace modr
