#include "train/config.hpp"

#include <cmath>

#include "base/error.hpp"
#include "base/named_value.hpp"

namespace modr {

namespace {

constexpr NamedValue<TrainMode> kModes[] = {{"pretrain", TrainMode::pretrain},
                                            {"lora", TrainMode::lora},
                                            {"modr", TrainMode::modr}};
constexpr NamedValue<Recompute> kRecomputes[] = {{"none", Recompute::none},
                                                 {"block", Recompute::block},
                                                 {"recurrence", Recompute::recurrence}};
constexpr NamedValue<Trainable> kTrainables[] = {{"all", Trainable::all}, {"branches", Trainable::branches}};

}  // namespace

std::string_view name_of(TrainMode mode) { return find_name(kModes, mode); }
std::string_view name_of(Recompute recompute) { return find_name(kRecomputes, recompute); }
std::string_view name_of(Trainable trainable) { return find_name(kTrainables, trainable); }

TrainMode parse_train_mode(std::string_view name) { return find_value(kModes, "mode", name); }
Recompute parse_recompute(std::string_view name) { return find_value(kRecomputes, "recompute", name); }
Trainable parse_trainable(std::string_view name) { return find_value(kTrainables, "trainable", name); }

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
  at_least("keep_every", keep_every, 0);
  at_least("guard.window", guard.window, 32);
  at_least("guard.max_skipped", guard.max_skipped, 0);
  const auto from_zero = [](const char* field, double value) {
    if (!(value >= 0) || !std::isfinite(value)) fail("train.{}: expected a number from 0, found {}", field, value);
  };
  from_zero("guard.z_score", guard.z_score);
  from_zero("stop_margin_s", stop_margin_s);
  if (device != any_device && (device == "meta" || !is_device(device)))
    fail("train.device: expected cpu, cuda, cuda:N or auto, found '{}'", device);
  if ((num_steps_no_grad < 0) != (num_steps_with_grad < 0))
    fail("train.num_steps_no_grad and train.num_steps_with_grad: expected both or neither, found {} and {}",
         num_steps_no_grad, num_steps_with_grad);
  if (has_fixed_depth()) at_least("num_steps_with_grad", num_steps_with_grad, 1);
  if (mode == TrainMode::pretrain && trainable == Trainable::branches)
    fail("train.trainable: expected all with mode: pretrain, found branches");
}

}  // namespace modr
