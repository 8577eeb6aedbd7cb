#include "config/run_config.hpp"

#include <yaml-cpp/yaml.h>

#include <string_view>
#include <type_traits>

#include "base/error.hpp"
#include "config/fields.hpp"

namespace modr {

namespace {

class YamlWriter {
 public:
  explicit YamlWriter(YAML::Emitter& out) : out_(out) {}

  template <typename T>
  void operator()(const char* key, const T& field, FieldKind = FieldKind::optional) {
    out_ << YAML::Key << key << YAML::Value;
    write(field);
  }

  template <Section T>
  void write(T config) {  // a copy: the tables hand out fields to write to
    out_ << YAML::BeginMap;
    visit_fields(*this, config);
    out_ << YAML::EndMap;
  }

 private:
  template <typename T>
    requires(!Section<T>)
  void write(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      out_ << std::string(name_of(value));
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      out_ << YAML::Flow << value;
    } else if constexpr (std::is_same_v<T, std::string>) {
      out_ << value;
    } else {
      out_ << fmt::format("{}", value);  // the shortest text that reads back as the same number
    }
  }

  YAML::Emitter& out_;
};

void check_name(const std::string& name) {
  constexpr const char* allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  if (name.empty() || name[0] == '.' || name.find_first_not_of(allowed) != std::string::npos) {
    fail("name: expected letters, digits, '_', '-' and '.' (it names a folder), found '{}'", name);
  }
}

void check_mode(const RunConfig& config) {
  const int64_t found = config.model.branches.n_branches;
  const auto expect = [&](bool ok, std::string_view expected) {
    if (ok) return;
    fail("model.branches.n_branches: expected {} with train.mode: {}, found {}", expected, name_of(config.train.mode),
         found);
  };
  switch (config.train.mode) {
    case TrainMode::pretrain: return expect(found == 0, "0");
    case TrainMode::lora: return expect(found == 1, "1");
    case TrainMode::modr: return expect(found >= 2, "at least 2");
  }
}

}  // namespace

void RunConfig::validate() const {
  check_name(name);
  model.validate();
  data.validate();
  optim.validate();
  train.validate();
  parallel.validate();
  check_mode(*this);
  const auto at_most = [](const char* field, int64_t value, const char* limit_field, int64_t limit) {
    if (value > limit) fail("{}: expected at most {} ({}), found {}", field, limit_field, limit, value);
  };
  at_most("data.max_seq_len", data.max_seq_len, "model.block_size", model.block_size);
  at_most("optim.warmup_steps", optim.warmup_steps, "train.steps", train.steps);
  at_most("optim.decay_steps", optim.decay_steps, "train.steps", train.steps);
}

std::string to_yaml(const RunConfig& config) {
  YAML::Emitter out;
  YamlWriter(out).write(config);
  return std::string(out.c_str()) + "\n";
}

}  // namespace modr
