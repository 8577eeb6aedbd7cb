#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "base/text_table.hpp"
#include "tools/inspect/report.hpp"

namespace modr::tools {

namespace {

// Numbers by their value, so that layer 10 stands behind layer 2, and before words.
struct NaturalLess {
  static bool is_number(std::string_view text) { return text.find_first_not_of("0123456789") == text.npos; }
  bool operator()(const std::string& a, const std::string& b) const {
    const bool a_is_number = is_number(a), b_is_number = is_number(b);
    if (a_is_number != b_is_number) return a_is_number;
    if (a_is_number && a.size() != b.size()) return a.size() < b.size();
    return a < b;
  }
};

// The parts of the names between their dots.
struct Node {
  std::map<std::string, Node, NaturalLess> children;
  const WeightSummary* weight = nullptr;
};

struct Row {
  std::string label;
  const WeightSummary* weight;
};

constexpr int kMaxDepth = 32;  // a name may hold any number of dots; the tree is walked recursively

Node make_tree(const std::vector<WeightSummary>& weights) {
  Node root;
  for (const WeightSummary& weight : weights) {
    Node* node = &root;
    std::string_view rest = weight.name;
    for (int depth = 1; depth < kMaxDepth && rest.find('.') != rest.npos; ++depth) {
      node = &node->children[std::string(rest.substr(0, rest.find('.')))];
      rest.remove_prefix(rest.find('.') + 1);
    }
    node->children[std::string(rest)].weight = &weight;
  }
  return root;
}

// One row a node; a node with a single child and no values of its own shares its child's row.
void add_rows(const Node& node, const std::string& indent, bool is_root, std::vector<Row>& rows) {
  for (auto entry = node.children.begin(); entry != node.children.end(); ++entry) {
    const bool last = std::next(entry) == node.children.end();
    std::string label = entry->first;
    const Node* shown = &entry->second;
    while (!is_root && shown->weight == nullptr && shown->children.size() == 1) {
      label += "." + shown->children.begin()->first;
      shown = &shown->children.begin()->second;
    }
    rows.push_back({is_root ? label : indent + (last ? "└─ " : "├─ ") + label, shown->weight});
    add_rows(*shown, is_root ? "" : indent + (last ? "   " : "│  "), false, rows);
  }
}

class TextReport {
 public:
  TextReport(const InspectReport& report, bool colour) : report_(report), colour_(colour) {}

  std::string build() {
    header();
    config();
    parameters();
    branches();
    if (report_.digest) digests();
    return std::move(text_);
  }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  std::string styled(const std::string& text, fmt::text_style style) const {
    return colour_ ? fmt::format(style, "{}", text) : text;
  }
  void title(const std::string& text) { line("\n{}", styled(text, fmt::emphasis::bold)); }
  // A table whose head is a title.
  TextTable titled(std::vector<std::string> head, std::vector<TextTable::Align> alignment) const {
    for (std::string& text : head)
      if (!text.empty()) text = styled(text, fmt::emphasis::bold);
    return TextTable(std::move(head), std::move(alignment));
  }

  void header();
  void config();
  void parameters();
  std::string status(const WeightSummary& weight) const;
  void branches();
  void digests();

  const InspectReport& report_;
  bool colour_;
  std::string text_;
};

void TextReport::header() {
  const CheckpointInfo& info = report_.info;
  const CheckpointSummary& summary = report_.summary;
  line("{}", styled(report_.path, fmt::emphasis::bold));
  line("file       {}, written by modr {}", byte_text(report_.bytes), info.modr_version);
  line("mode       {}", info.mode);
  line("step       {}", count_text(info.step));
  line("seed       {}", info.seed);
  line("data       {} samples consumed", count_text(info.samples_consumed));
  line("optimizer  {}", summary.num_optimizer_tensors == 0
                            ? "none"
                            : fmt::format("{} updates, {} tensors, {} values", count_text(info.optimizer_step),
                                          summary.num_optimizer_tensors, count_text(summary.num_optimizer_values)));
  line("weights    {} tensors, {} values: {} trainable, {} frozen", summary.weights.size(),
       count_text(summary.num_values(true) + summary.num_values(false)), count_text(summary.num_values(true)),
       count_text(summary.num_values(false)));
}

void TextReport::config() {
  title("config");
  std::istringstream lines(report_.info.config);
  for (std::string text; std::getline(lines, text);) line("  {}", text);
}

void TextReport::parameters() {
  using enum TextTable::Align;
  std::vector<std::string> columns{"parameters", "shape", "type", "norm"};
  std::vector<TextTable::Align> alignment{left, left, left, right};
  if (report_.stats) columns.insert(columns.end(), {"min", "max", "mean", "deviation"});
  alignment.resize(columns.size(), right);
  columns.emplace_back();  // status
  alignment.push_back(left);
  TextTable table = titled(columns, alignment);
  std::vector<Row> rows;
  add_rows(make_tree(report_.summary.weights), "", true, rows);
  for (const Row& row : rows) {
    std::vector<std::string> texts{row.label};
    if (row.weight != nullptr) {
      const TensorStats& stats = row.weight->stats;
      texts.insert(texts.end(), {row.weight->shape.to_string(), row.weight->type, fmt::format("{:.5g}", stats.norm)});
      if (report_.stats)
        for (const double value : {stats.min, stats.max, stats.mean, stats.deviation})
          texts.push_back(fmt::format("{:.4g}", value));
      texts.push_back(status(*row.weight));
    }
    texts.resize(columns.size());
    table.add(std::move(texts));
  }
  line("\n{}", trim(table.text(), "\n"));
}

std::string TextReport::status(const WeightSummary& weight) const {
  std::string text = weight.trainable ? styled("trainable", fmt::fg(fmt::terminal_color::green))
                                      : styled("frozen", fmt::fg(fmt::terminal_color::bright_black));
  if (weight.stats.num_not_finite > 0) {
    text += styled(fmt::format("  {} values are NaN or infinite", count_text(weight.stats.num_not_finite)),
                   fmt::fg(fmt::terminal_color::red) | fmt::emphasis::bold);
  }
  return text;
}

void TextReport::branches() {
  const CheckpointSummary& summary = report_.summary;
  std::size_t num_branches = summary.router_bias.size();
  for (const LoraSummary& lora : summary.lora) num_branches = std::max(num_branches, lora.norms.size());
  if (num_branches == 0) return;
  std::vector<std::string> columns{"branches"};
  for (std::size_t branch = 0; branch < num_branches; ++branch) columns.push_back(std::to_string(branch));
  TextTable table = titled(columns, {TextTable::Align::left});
  const auto add = [&](const std::string& label, const std::vector<double>& values, double scale,
                       fmt::format_string<double> format) {
    std::vector<std::string> texts{label};
    for (const double value : values) texts.push_back(fmt::format(format, value * scale));
    texts.resize(columns.size());
    table.add(std::move(texts));
  };
  if (!summary.router_bias.empty()) add("router bias", summary.router_bias, 1.0, "{:+.4g}");
  for (const LoraSummary& lora : summary.lora) add(lora.target, lora.norms, report_.lora_scale(lora.rank), "{:.5g}");
  line("\n{}", trim(table.text(), "\n"));
  if (!summary.lora.empty()) {
    line("{}", report_.lora_alpha ? fmt::format("norms of (alpha / R) B A, alpha = {}", *report_.lora_alpha)
                                  : "norms of B A (the config has no model.branches.lora_alpha)");
  }
}

void TextReport::digests() {
  title("digest");
  line("weights    {}", report_.summary.weights_digest.hex());
  line("optimizer  {}", report_.summary.optimizer_digest.hex());
}

}  // namespace

std::string to_text(const InspectReport& report, bool colour) { return TextReport(report, colour).build(); }

}  // namespace modr::tools
