#include "comm/tag.hpp"

#include <fmt/format.h>

#include <string_view>

#include "base/error.hpp"
#include "base/hash.hpp"

namespace modr {

namespace {

const char* name_of(Operation operation) {
  switch (operation) {
    case Operation::none: return "nothing";
    case Operation::barrier: return "barrier";
    case Operation::all_reduce: return "all_reduce";
    case Operation::broadcast: return "broadcast";
    case Operation::all_gather: return "all_gather";
    case Operation::gather: return "gather";
    case Operation::all_to_all: return "all_to_all";
    case Operation::all_to_all_v: return "all_to_all_v";
    case Operation::split: return "split";
    case Operation::open_counter: return "start of a work counter";
    case Operation::draw: return "draw from a work counter";
    case Operation::close_counter: return "end of a work counter";
    case Operation::send: return "send";
    case Operation::receive: return "receive";
    case Operation::open_nccl:
      return "start of NCCL";
  }
  return "unknown operation";
}

const char* name_of(Unit unit) {
  switch (unit) {
    case Unit::nothing: return "";
    case Unit::bytes: return "bytes";
    case Unit::f32: return "f32";
    case Unit::f64: return "f64";
    case Unit::i64: return "i64";
  }
  return "unknown unit";
}

const char* name_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum: return "sum";
    case ReduceOp::max: return "max";
    case ReduceOp::min: return "min";
  }
  return "unknown reduction";
}

bool is_to_peer(Operation operation) { return operation == Operation::gather || operation == Operation::send; }

bool is_message(Operation operation) { return operation == Operation::send || operation == Operation::receive; }

}  // namespace

uint64_t hash_of(const Tag& tag) {
  Tag compared = tag;
  compared.label = 0;
  return fnv1a(std::string_view(reinterpret_cast<const char*>(&compared), sizeof compared));
}

std::string describe(const Activity& activity) {
  std::string text = activity.phase;
  const auto add = [&](const char* name, int64_t number) {
    if (number >= 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, number);
  };
  add("step", activity.step);
  add("recurrence", activity.recurrence);
  return text;
}

std::string describe(const Tag& tag) {
  std::string text = name_of(tag.operation);
  if (tag.count >= 0 && tag.unit != Unit::nothing) text += fmt::format(" of {} {}", tag.count, name_of(tag.unit));
  if (tag.reduce_op != ReduceOp::sum) text += fmt::format(" by {}", name_of(tag.reduce_op));
  if (is_message(tag.operation)) text += fmt::format(" with label {}", tag.label);
  if (tag.peer >= 0) text += fmt::format(" {} rank {}", is_to_peer(tag.operation) ? "to" : "from", tag.peer);
  const std::string activity = describe(tag.activity);
  return activity.empty() ? text : fmt::format("{} ({})", text, activity);
}

std::string describe_place(const Tag& tag) {
  if (tag.sequence < 0) return fmt::format("{}, of group '{}'", describe(tag), tag.group_name);
  return fmt::format("collective {}, {}, of group '{}'", tag.sequence, describe(tag), tag.group_name);
}

}  // namespace modr
