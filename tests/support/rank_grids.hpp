#pragma once
#include <map>
#include <vector>

#include "parallel/config.hpp"

namespace modr::testing {

struct NamedGrid {
  const char* name;
  ParallelConfig config;
};

inline ParallelConfig grid_of(int64_t data, StageRanks stages, int64_t branch, PipelineOrder order) {
  ParallelConfig config;
  config.data = data;
  config.stages = stages;
  config.branch = branch;
  config.schedule = order;
  return config;
}

/// The grids that tests run for a number of ranks.
inline std::vector<NamedGrid> grids_for(int ranks) {
  constexpr auto one_f_one_b = PipelineOrder::one_f_one_b, gpipe = PipelineOrder::gpipe;
  const std::multimap<int, NamedGrid> grids{
      {2, {"data 2", grid_of(2, {}, 1, one_f_one_b)}},
      {2, {"branch 2", grid_of(1, {}, 2, one_f_one_b)}},
      {3, {"branch 3", grid_of(1, {}, 3, one_f_one_b)}},
      {3, {"stages 1+1+1", grid_of(1, {1, 1, 1}, 1, one_f_one_b)}},
      {3, {"stages 1+1+1, gpipe", grid_of(1, {1, 1, 1}, 1, gpipe)}},
      {4, {"data 4", grid_of(4, {}, 1, one_f_one_b)}},
      {4, {"branch 4", grid_of(1, {}, 4, one_f_one_b)}},
      {4, {"data 2 x branch 2", grid_of(2, {}, 2, one_f_one_b)}},
      {4, {"stages 1+2+1", grid_of(1, {1, 2, 1}, 1, one_f_one_b)}},
      {4, {"stages 1+2+1, branch 2", grid_of(1, {1, 2, 1}, 2, one_f_one_b)}},
      {6, {"branch 6", grid_of(1, {}, 6, one_f_one_b)}},
      {6, {"data 2 x stages 1+1+1", grid_of(2, {1, 1, 1}, 1, one_f_one_b)}},
      {8, {"data 2 x stages 1+2+1, branch 2", grid_of(2, {1, 2, 1}, 2, one_f_one_b)}},
      {8, {"stages 2+4+2, branch 2", grid_of(1, {2, 4, 2}, 2, gpipe)}},
  };
  std::vector<NamedGrid> fitting;
  for (auto [at, end] = grids.equal_range(ranks); at != end; ++at) fitting.push_back(at->second);
  return fitting;
}

}  // namespace modr::testing
