#include "parallel/config.hpp"

#include <cmath>

#include "base/error.hpp"
#include "base/named_value.hpp"

namespace modr {

namespace {

constexpr NamedValue<Placement> kPlacements[] = {{"replicate", Placement::replicate},
                                                 {"exchange", Placement::exchange},
                                                 {"auto", Placement::automatic}};
constexpr NamedValue<PipelineOrder> kOrders[] = {{"1f1b", PipelineOrder::one_f_one_b},
                                                 {"gpipe", PipelineOrder::gpipe}};
constexpr int64_t max_ranks = 1 << 20;  // of an axis: products of three stay far from 64 bits

void expect_ranks(const char* field, int64_t value) {
  if (value < 0 || value > max_ranks)
    fail("parallel.{}: expected a number from 0 to {}, found {}", field, max_ranks, value);
}

// All three have ranks, or none has.
void check_stages(const StageRanks& stages) {
  const bool any = stages.prelude > 0 || stages.recurrence > 0 || stages.coda > 0;
  const auto check = [&](const char* field, int64_t value) {
    expect_ranks(field, value);
    if (any && value == 0)
      fail("parallel.{}: expected at least 1 where the other stages have ranks, found 0", field);
  };
  check("stages.prelude", stages.prelude);
  check("stages.recurrence", stages.recurrence);
  check("stages.coda", stages.coda);
}

}  // namespace

std::string_view name_of(Placement placement) { return find_name(kPlacements, placement); }
std::string_view name_of(PipelineOrder order) { return find_name(kOrders, order); }

void ParallelConfig::validate() const {
  expect_ranks("data", data);
  check_stages(stages);
  expect_ranks("branch", branch);
  if (stages.is_pipeline() && branch > 0 && stages.recurrence % branch != 0)
    fail("parallel.branch: expected a divisor of parallel.stages.recurrence ({}), found {}", stages.recurrence, branch);
  if (merge_up_to < 0) fail("parallel.merge_up_to: expected 0 or more, found {}", merge_up_to);
  if (!(timeout_s > 0) || !std::isfinite(timeout_s))
    fail("parallel.timeout_s: expected a positive number of seconds, found {}", timeout_s);
}

}  // namespace modr
