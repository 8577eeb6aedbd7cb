#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <sstream>
#include <string_view>
#include <vector>

#include "tools/inspect/report.hpp"
#include "tools/cli/number_text.hpp"

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

std::size_t width_of(std::string_view text) {  // of UTF-8, in characters
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
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
  std::vector<Row> rows;
  add_rows(make_tree(report_.summary.weights), "", true, rows);
  std::size_t label_width = 10, shape_width = 5;
  for (const Row& row : rows) {
    label_width = std::max(label_width, width_of(row.label));
    if (row.weight != nullptr) shape_width = std::max(shape_width, row.weight->shape.to_string().size());
  }
  std::string columns = fmt::format("{:<{}}  {:<{}}  {:<5}{:>12}", "parameters", label_width, "shape", shape_width,
                                    "type", "norm");
  if (report_.stats) columns += fmt::format("{:>12}{:>12}{:>12}{:>12}", "min", "max", "mean", "deviation");
  title(columns);
  for (const Row& row : rows) {
    if (row.weight == nullptr) {
      line("{}", row.label);
      continue;
    }
    const std::string padding(label_width - width_of(row.label), ' ');
    const TensorStats& stats = row.weight->stats;
    std::string numbers = fmt::format("{:>12.5g}", stats.norm);
    if (report_.stats) {
      numbers += fmt::format("{:>12.4g}{:>12.4g}{:>12.4g}{:>12.4g}", stats.min, stats.max, stats.mean, stats.deviation);
    }
    line("{}{}  {:<{}}  {:<5}{}  {}", row.label, padding, row.weight->shape.to_string(), shape_width, row.weight->type,
         numbers, status(*row.weight));
  }
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
  std::size_t num_branches = summary.router_bias.size(), width = 11;
  for (const LoraSummary& lora : summary.lora) {
    num_branches = std::max(num_branches, lora.norms.size());
    width = std::max(width, lora.target.size());
  }
  if (num_branches == 0) return;
  std::string columns = fmt::format("{:<{}}", "branches", width);
  for (std::size_t branch = 0; branch < num_branches; ++branch) columns += fmt::format("{:>12}", branch);
  title(columns);
  const auto row = [&](const std::string& label, const std::vector<double>& values, double scale,
                       fmt::format_string<double> format) {
    std::string text = fmt::format("{:<{}}", label, width);
    for (const double value : values) text += fmt::format(format, value * scale);
    line("{}", text);
  };
  if (!summary.router_bias.empty()) row("router bias", summary.router_bias, 1.0, "{:>+12.4g}");
  for (const LoraSummary& lora : summary.lora) row(lora.target, lora.norms, report_.lora_scale(lora.rank), "{:>12.5g}");
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
