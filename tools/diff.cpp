// modr diff: how two checkpoints differ.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/config_lines.hpp"

namespace modr::tools {

namespace {

using Lines = std::map<std::string, std::string>;

Lines info_lines(const CheckpointInfo& info) {
  return {{"mode", info.mode},
          {"optimizer_step", std::to_string(info.optimizer_step)},
          {"samples_consumed", std::to_string(info.samples_consumed)},
          {"seed", std::to_string(info.seed)},
          {"step", std::to_string(info.step)}};
}

// One line for every key that one of them lacks or whose values differ.
std::vector<std::string> compare_lines(const Lines& a, const Lines& b) {
  std::set<std::string> keys;
  for (const auto& [key, value] : a) keys.insert(key);
  for (const auto& [key, value] : b) keys.insert(key);
  std::vector<std::string> result;
  for (const std::string& key : keys) {
    const auto in_a = a.find(key), in_b = b.find(key);
    if (in_b == b.end()) {
      result.push_back(fmt::format("{}: {}  (only in A)", key, in_a->second));
    } else if (in_a == a.end()) {
      result.push_back(fmt::format("{}: {}  (only in B)", key, in_b->second));
    } else if (in_a->second != in_b->second) {
      result.push_back(fmt::format("{}: {} -> {}", key, in_a->second, in_b->second));
    }
  }
  return result;
}

// How the values differ; nothing when they are equal (NaN equals NaN).
std::optional<std::string> compare_values(const Tensor& a, const Tensor& b) {
  const Tensor exact_a = a.to(DType::f64), exact_b = b.to(DType::f64);
  const std::span<const double> x = exact_a.span<double>(), y = exact_b.span<double>();
  double largest = 0, largest_value = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    largest_value = std::max(largest_value, std::abs(x[i]));
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    ++count;
    const double delta = std::abs(x[i] - y[i]);
    if (std::isnan(delta) || delta > largest) largest = delta;  // a NaN stays: nothing is larger
  }
  if (count == 0) return std::nullopt;
  return fmt::format("max|d| {:.4g}, relative to max|A| {:.4g}, {} of {} values", largest, largest / largest_value,
                     count, x.size());
}

// Tensors of one part (weights or optimizer) of both files.
struct Part {
  const char* title;
  std::vector<std::string> (*names)(const CheckpointReader&);
  Tensor (*read)(const CheckpointReader&, const std::string&);
  Shape (*shape)(const CheckpointReader&, const std::string&);
};

const Part kParts[] = {
    {"weights", [](const CheckpointReader& reader) { return reader.weight_names(); },
     [](const CheckpointReader& reader, const std::string& name) { return reader.read_weight(name, DType::f64); },
     [](const CheckpointReader& reader, const std::string& name) { return reader.weight_shape(name); }},
    {"optimizer", [](const CheckpointReader& reader) { return reader.optimizer_names(); },
     [](const CheckpointReader& reader, const std::string& name) { return reader.read_optimizer_tensor(name); },
     [](const CheckpointReader& reader, const std::string& name) { return reader.optimizer_shape(name); }}};

std::vector<std::string> compare_part(const Part& part, const CheckpointReader& a, const CheckpointReader& b) {
  const std::vector<std::string> in_a = part.names(a), in_b = part.names(b);
  std::set<std::string> names(in_a.begin(), in_a.end());
  names.insert(in_b.begin(), in_b.end());
  std::vector<std::string> result;
  for (const std::string& name : names) {
    if (!std::binary_search(in_b.begin(), in_b.end(), name)) {
      result.push_back(fmt::format("{} {}  (only in A)", name, part.shape(a, name).to_string()));
    } else if (!std::binary_search(in_a.begin(), in_a.end(), name)) {
      result.push_back(fmt::format("{} {}  (only in B)", name, part.shape(b, name).to_string()));
    } else if (const Shape of_a = part.shape(a, name), of_b = part.shape(b, name); of_a != of_b) {
      result.push_back(fmt::format("{}: shape {} -> {}", name, of_a.to_string(), of_b.to_string()));
    } else if (const auto difference = compare_values(part.read(a, name), part.read(b, name))) {
      result.push_back(fmt::format("{} {}: {}", name, of_a.to_string(), *difference));
    }
  }
  return result;
}

std::vector<std::string> compare_weight_kinds(const CheckpointReader& a, const CheckpointReader& b) {
  Lines of_a, of_b;
  for (const auto& [reader, lines] : {std::pair(&a, &of_a), std::pair(&b, &of_b)})
    for (const std::string& name : reader->weight_names())
      if (a.has_weight(name) && b.has_weight(name))
        (*lines)[name] = reader->weight_type(name) + (reader->is_trainable(name) ? " trainable" : " frozen");
  return compare_lines(of_a, of_b);
}

std::size_t print_section(const std::string& title, const std::vector<std::string>& lines) {
  if (!lines.empty()) fmt::print("{}\n", title);
  for (const std::string& line : lines) fmt::print("  {}\n", line);
  return lines.size();
}

// The file that is meant; of a run's folder, it says which that is.
std::string find_file(const char* side, const std::string& given) {
  const std::string file = checkpoint_file(given).string();
  if (file != given) fmt::print("{}  {}\n", side, file);
  return file;
}

int compare(const std::string& given_a, const std::string& given_b) {
  const std::string file_a = find_file("A", given_a), file_b = find_file("B", given_b);
  const CheckpointReader a(file_a), b(file_b);
  std::size_t count = print_section("state", compare_lines(info_lines(a.info()), info_lines(b.info())));
  count += print_section("config", compare_lines(config_lines(a.info().config, file_a),
                                                 config_lines(b.info().config, file_b)));
  count += print_section("kinds of weights", compare_weight_kinds(a, b));
  for (const Part& part : kParts) count += print_section(part.title, compare_part(part, a, b));
  if (count == 0) fmt::print("same\n");
  return count == 0 ? 0 : 1;
}

}  // namespace

int run_diff(int argc, char** argv) {
  std::vector<std::string> files;
  CommandLine line("diff", "A B",
                   "Prints how two checkpoints differ: state, config, and every tensor. A run's folder: its latest one.\n"
                   "Exits with 0 when they hold the same, 1 when they differ, 2 for wrong use.");
  line.positional(files, 2, 2, "two files, A and B");
  if (!line.parse(argc, argv)) return 0;
  return compare(files[0], files[1]);
}

}  // namespace modr::tools
