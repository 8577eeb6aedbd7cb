#include "train/step_plan.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/integer.hpp"
#include "base/slice.hpp"

namespace modr {

StepPlan plan_step(const TrainConfig& train, const ModelConfig& model, uint64_t seed, int64_t step,
                   std::vector<SampleRef> samples) {
  const Depth depth = train.has_fixed_depth()
                          ? Depth{train.num_steps_no_grad, train.num_steps_with_grad}
                          : sample_depth(model.mean_recurrence, model.mean_backprop_depth, seed, step);
  return {step, depth, std::move(samples)};
}

std::string describe(std::span<const SampleRef> samples, const TrainingSet& set) {
  constexpr std::size_t most_with_place = 8, most = 64;
  const bool places = samples.size() <= most_with_place && !set.places.empty();
  std::string text = samples.size() == 1 ? "row " : "rows ";
  for (const SampleRef& sample : samples.first(std::min(samples.size(), most))) {
    text += fmt::format("{}{}", &sample == samples.data() ? "" : ", ", sample.index);
    if (places) text += fmt::format(" ({})", set.places.at(static_cast<std::size_t>(sample.index)));
  }
  return samples.size() <= most ? text : fmt::format("{} and {} more", text, samples.size() - most);
}

std::vector<Microbatch> deal_microbatches(const StepPlan& plan, const TrainingSet& set, const Dealing& dealing) {
  const Slice part = rank_slice(std::ssize(plan.samples), dealing.replica, dealing.replicas);
  Microbatch samples(plan.samples.begin() + part.begin, plan.samples.begin() + part.end);
  std::ranges::stable_sort(samples, {}, [&](const SampleRef& sample) {
    return set.rows.at(static_cast<std::size_t>(sample.index)).tokens.size();
  });
  const int64_t count = round_up(std::max<int64_t>(ceil_div(part.count(), dealing.largest), 1), dealing.lanes);
  std::vector<Microbatch> microbatches;
  for (int64_t m = 0; m < count; ++m) {
    const Slice slice = rank_slice(part.count(), m, count);
    microbatches.emplace_back(samples.begin() + slice.begin, samples.begin() + slice.end);
  }
  return microbatches;
}

}  // namespace modr
