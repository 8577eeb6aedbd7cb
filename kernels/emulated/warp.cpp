// Exchanges between the lanes of a warp: those of a mask meet, and go on when all have come.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "kernels/emulated/device/tensor_core.hpp"
#include "kernels/emulated/sanitizers.hpp"
#include "kernels/emulated/scheduler.hpp"

namespace modr::emulated {

namespace {

constexpr unsigned lanes = 32;

struct Meeting {
  Exchange kind;
  unsigned mask, arrived;
  int width;
  Line line;
  char* place;  // for the sanitizer
  uint64_t value[lanes];
  int lane[lanes];
  std::vector<Fiber*> waiting;
};

struct Warp {
  std::vector<std::unique_ptr<Meeting>> meetings;  // at most one a mask
  char places[4];  // of the last meetings, in turn, so that who is late does not see the next one's past
  unsigned opened;
  std::vector<std::byte> tables[2];  // see gather_warp()
  unsigned gathered[lanes];          // how often each lane has
};
std::vector<Warp> warps;
std::vector<std::unique_ptr<Meeting>> spare;

unsigned lane_of(const Fiber& fiber) { return fiber.thread % lanes; }

// The meeting of the lanes of `mask`; a new one where nobody waits for them.
Meeting& find_meeting(Warp& warp, Exchange kind, unsigned mask, int width, Line line) {
  for (const auto& open : warp.meetings)
    if (open->mask == mask) return *open;
  if (spare.empty()) spare.push_back(std::make_unique<Meeting>());
  warp.meetings.push_back(std::move(spare.back()));
  spare.pop_back();
  Meeting& meeting = *warp.meetings.back();
  meeting.kind = kind;
  meeting.mask = mask;
  meeting.arrived = 0;
  meeting.width = width;
  meeting.line = line;
  meeting.place = &warp.places[warp.opened++ % 4];
  meeting.waiting.clear();
  return meeting;
}

void check_arrival(const Meeting& meeting, Exchange kind, int width, unsigned lane, Line line) {
  if (meeting.kind != kind || meeting.width != width || (meeting.arrived >> lane & 1u) != 0)
    scheduler.give_up(fmt::format("comes to the exchange in {}, others of its warp wait in {}", text_of(line),
                                  text_of(meeting.line)));
}

void check_mask(unsigned mask, unsigned lane, unsigned lanes_here, Line line) {
  if ((mask >> lane & 1u) == 0) scheduler.give_up(fmt::format("is not in its own mask in {}", text_of(line)));
  if (lanes_here < lanes && mask >> lanes_here != 0)
    scheduler.give_up(fmt::format("names lanes in the mask in {} that its block does not have", text_of(line)));
}

// Which lane's value lane `to` gets.
int source(const Meeting& meeting, int to) {
  const int first = to & ~(meeting.width - 1), last = first | (meeting.width - 1), chosen = meeting.lane[to];
  switch (meeting.kind) {
    case Exchange::up: return to - chosen >= first ? to - chosen : to;
    case Exchange::down: return to + chosen <= last ? to + chosen : to;
    case Exchange::bfly: return (to ^ chosen) <= last ? to ^ chosen : to;
    case Exchange::index: return first | (chosen & (meeting.width - 1));
    default: return to;
  }
}

void hand_out(Meeting& meeting) {
  uint64_t votes = 0;
  for (const Fiber* fiber : meeting.waiting) votes |= meeting.value[lane_of(*fiber)] != 0 ? 1ull << lane_of(*fiber) : 0;
  for (Fiber* fiber : meeting.waiting) {
    const int from = source(meeting, static_cast<int>(lane_of(*fiber)));
    if ((meeting.mask >> from & 1u) == 0)
      scheduler.give_up(fmt::format("is in an exchange in {} where {} reads lane {}, which takes no part",
                                    text_of(meeting.line), name_of_thread(fiber->thread), from));
    fiber->result = meeting.kind == Exchange::ballot ? votes : meeting.value[from];
  }
}

// Waits for the lanes of the mask; the last of them does what is to be done and all go on.
template <typename LastOne>
void meet(Exchange kind, unsigned mask, uint64_t value, int chosen, int width, Line line, LastOne last_one) {
  Fiber& me = scheduler.running();
  const unsigned lane = lane_of(me), index = me.thread / lanes;
  const auto lanes_here = std::min(lanes, static_cast<unsigned>(count_threads(scheduler.grid())) - index * lanes);
  check_mask(mask, lane, lanes_here, line);
  Warp& warp = warps[index];
  Meeting& meeting = find_meeting(warp, kind, mask, width, line);
  check_arrival(meeting, kind, width, lane, line);
  char* place = meeting.place;
  if (kind == Exchange::barrier) release(place);
  meeting.arrived |= 1u << lane;
  meeting.value[lane] = value;
  meeting.lane[lane] = chosen;
  meeting.waiting.push_back(&me);
  if (meeting.arrived != mask) {
    scheduler.wait();
  } else {
    hand_out(meeting);
    last_one(meeting);
    const auto is_this = [&](const auto& open) { return open.get() == &meeting; };
    const auto open = std::find_if(warp.meetings.begin(), warp.meetings.end(), is_this);
    spare.push_back(std::move(*open));
    warp.meetings.erase(open);
    std::vector<Fiber*> waiting = std::move(meeting.waiting);
    meeting.waiting = {};
    waiting.pop_back();  // me
    scheduler.resume_with_caller(waiting);
  }
  if (kind == Exchange::barrier) acquire(place);
}

void nothing_more(const Meeting&) {}

}  // namespace

uint64_t exchange(Exchange kind, unsigned mask, uint64_t value, int lane, int width, Line line) {
  const NotTheKernels quiet;
  meet(kind, mask, value, lane, width, line, nothing_more);
  return scheduler.running().result;
}

void sync_warp(unsigned mask, Line line) {
  const NotTheKernels quiet;
  meet(Exchange::barrier, mask, 0, 0, lanes, line, nothing_more);
}

// Two tables in turn: who writes the next but one has seen all lanes come to the next, after they read this one.
const void* gather_warp(const void* mine, std::size_t bytes, Line line) {
  const NotTheKernels quiet;
  const Fiber& me = scheduler.running();
  Warp& warp = warps[me.thread / lanes];
  std::vector<std::byte>& table = warp.tables[warp.gathered[lane_of(me)]++ % 2];
  meet(Exchange::ballot, all_lanes, reinterpret_cast<uint64_t>(mine), 0, lanes, line, [&](const Meeting& meeting) {
    if (table.size() < lanes * bytes) table.resize(lanes * bytes);
    for (unsigned lane = 0; lane < lanes; ++lane)
      std::memcpy(table.data() + lane * bytes, reinterpret_cast<const void*>(meeting.value[lane]), bytes);
  });
  return table.data();
}

void begin_warps(unsigned threads) {
  warps.resize((threads + lanes - 1) / lanes);
  for (Warp& warp : warps) {
    warp.meetings.clear();
    warp.opened = 0;
    std::fill_n(warp.gathered, lanes, 0u);
  }
}

std::string who_waits_in_warps() {
  for (std::size_t index = 0; index < warps.size(); ++index)
    for (const auto& open : warps[index].meetings)
      return fmt::format("lanes {:#x} of warp {} wait in {} for the lanes {:#x}", open->arrived, index,
                         text_of(open->line), open->mask & ~open->arrived);
  return "nobody waits";
}

}  // namespace modr::emulated
