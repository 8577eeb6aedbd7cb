#include <fmt/format.h>

#include <string>

#include "dataset/pipeline_json.hpp"
#include "dataset/pipeline_step.hpp"

namespace modr {
namespace {

std::vector<int32_t> ids_of_special(const JsonField& processor, const JsonField& piece, const TokenList& tokens) {
  const std::string name = piece.at("id").string();
  const auto special = processor.at("special_tokens").find(name.c_str());
  if (!special) piece.at("id").fail_here(fmt::format("{} is not among special_tokens", excerpt(name)));
  const JsonField list = special->at("ids");
  std::vector<int32_t> ids;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const int64_t id = list.element(i).integer(0, TokenList::kMaxId);
    if (tokens.token(id) == nullptr) list.element(i).fail_here(fmt::format("no token has the id {}", id));
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

SequenceFrame read_template(const JsonField& processor, const TokenList& tokens) {
  SequenceFrame frame;
  bool behind = false;
  const JsonField pieces = processor.at("single");
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const JsonField piece = pieces.element(i);
    if (piece.find("Sequence")) {
      if (behind) piece.fail_here("the sequence stands twice in the template");
      behind = true;
    } else {
      auto& side = behind ? frame.suffix : frame.prefix;
      const auto ids = ids_of_special(processor, piece.at("SpecialToken"), tokens);
      side.insert(side.end(), ids.begin(), ids.end());
    }
  }
  if (!behind) pieces.fail_here("the template has no Sequence");
  return frame;
}

/// The id in RoBERTa's ["<s>", 0].
int32_t read_token_and_id(const JsonField& field, const TokenList& tokens) {
  if (field.size() != 2) field.fail_here("expected [token, id]");
  const int64_t id = field.element(1).integer(0, TokenList::kMaxId);
  if (tokens.token(id) == nullptr) field.fail_here(fmt::format("no token has the id {}", id));
  return static_cast<int32_t>(id);
}

}  // namespace

SequenceFrame read_post_processor(const JsonField& document, const TokenList& tokens) {
  SequenceFrame frame;
  const auto field = document.find("post_processor");
  if (!field) return frame;
  for_each_in_sequence(*field, "processors", [&](const JsonField& processor) {
    const std::string& type = type_of(processor);
    if (type == "ByteLevel") return;  // changes offsets only
    SequenceFrame outer;
    if (type == "TemplateProcessing") {
      outer = read_template(processor, tokens);
    } else if (type == "RobertaProcessing" || type == "BertProcessing") {
      outer = {{read_token_and_id(processor.at("cls"), tokens)}, {read_token_and_id(processor.at("sep"), tokens)}};
    } else {
      unsupported(processor, "ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing or a Sequence of them");
    }
    frame.prefix.insert(frame.prefix.begin(), outer.prefix.begin(), outer.prefix.end());
    frame.suffix.insert(frame.suffix.end(), outer.suffix.begin(), outer.suffix.end());
  });
  return frame;
}

}  // namespace modr
