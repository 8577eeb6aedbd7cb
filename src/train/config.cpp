#include "train/config.hpp"

#include <fmt/ranges.h>

#include <initializer_list>
#include <vector>

#include "base/error.hpp"

namespace modr {

namespace {

template <typename E>
E parse(const char* what, const std::string& name, std::initializer_list<E> values) {
  std::vector<std::string> names;
  for (E value : values) {
    if (name_of(value) == name) return value;
    names.push_back(name_of(value));
  }
  fail("{}: expected {}, found '{}'", what, fmt::join(names, " or "), name);
}

}  // namespace

std::string name_of(TrainMode mode) {
  switch (mode) {
    case TrainMode::pretrain: return "pretrain";
    case TrainMode::lora: return "lora";
    case TrainMode::modr: return "modr";
  }
  fail("unknown training mode");
}
std::string name_of(Recompute recompute) { return recompute == Recompute::none ? "none" : "recurrence"; }
std::string name_of(Trainable trainable) { return trainable == Trainable::all ? "all" : "branches"; }

TrainMode parse_train_mode(const std::string& name) {
  return parse("mode", name, {TrainMode::pretrain, TrainMode::lora, TrainMode::modr});
}
Recompute parse_recompute(const std::string& name) {
  return parse("recompute", name, {Recompute::none, Recompute::recurrence});
}
Trainable parse_trainable(const std::string& name) {
  return parse("trainable", name, {Trainable::all, Trainable::branches});
}

void TrainConfig::validate() const {
  const auto at_least = [](const char* field, int64_t value, int64_t low) {
    if (value < low) fail("train.{}: expected a number of at least {}, found {}", field, low, value);
  };
  at_least("steps", steps, 1);
  at_least("global_batch", global_batch, 1);
  at_least("microbatch", microbatch, 1);
  at_least("log_every", log_every, 1);
  at_least("checkpoint_every", checkpoint_every, 0);
  at_least("keep_checkpoints", keep_checkpoints, 0);
  if ((num_steps_no_grad < 0) != (num_steps_with_grad < 0))
    fail("train.num_steps_no_grad and train.num_steps_with_grad: expected both or neither, found {} and {}",
         num_steps_no_grad, num_steps_with_grad);
  if (has_fixed_depth()) at_least("num_steps_with_grad", num_steps_with_grad, 1);
  if (mode == TrainMode::pretrain && trainable == Trainable::branches)
    fail("train.trainable: expected all with mode: pretrain, found branches");
}

}  // namespace modr
