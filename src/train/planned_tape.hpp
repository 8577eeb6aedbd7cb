#pragma once
// The tape of autograd/variable.hpp in sizes alone: it keeps, hands on and frees blocks of a MemoryLedger in the same
// order as the real one does memory, and computes nothing.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/dtype.hpp"
#include "train/memory_ledger.hpp"

namespace modr {

struct PlannedNode;
struct PlannedSlot;

/// A matrix [rows, columns]; a copy is the same variable.
struct PlannedVariable {
  int64_t rows = 0, columns = 0;
  DType dtype = DType::f32;
  PlannedBlock value = {};
  std::shared_ptr<PlannedSlot> slot = {};  // null: no gradient

  bool defined() const { return value != nullptr; }
  int64_t bytes() const { return rows * columns * static_cast<int64_t>(size_of(dtype)); }
};

/// What InputGradients is to an op's backward.
class PlannedGradients {
 public:
  PlannedGradients(MemoryLedger& ledger, PlannedNode& node) : ledger_(ledger), node_(node) {}
  bool needs(std::size_t index) const;
  void give(std::size_t index, PlannedBlock gradient);
  PlannedBlock accumulator(std::size_t index);

 private:
  PlannedBlock take_for(const PlannedSlot& slot);
  void own(PlannedSlot& slot);
  MemoryLedger& ledger_;
  PlannedNode& node_;
};

using PlannedBackward = std::function<void(const PlannedBlock& output_gradient, PlannedGradients& inputs)>;

/// Inputs and what is kept until backward() has passed.
struct PlannedNode {
  std::string op;
  uint64_t sequence;
  std::vector<std::shared_ptr<PlannedSlot>> inputs;
  std::vector<PlannedBlock> kept;
  PlannedBackward backward;
  PlannedBlock output_gradient;
};

class PlannedTape {
 public:
  explicit PlannedTape(MemoryLedger& ledger) : ledger_(ledger) {}

  PlannedBlock take(std::string_view use, int64_t bytes) { return ledger_.take(use, bytes); }
  /// New rows for the result of an op.
  PlannedVariable rows(int64_t rows, int64_t columns, DType dtype);
  /// A parameter, with a gradient when it trains.
  PlannedVariable leaf(int64_t rows, int64_t columns, DType dtype, bool trains);

  /// Rows that came in `block`; with a gradient where one flows back.
  PlannedVariable received(int64_t rows, int64_t columns, DType dtype, PlannedBlock block, bool flows_back);

  /// See make_result(). Kept blocks count for `op` from now on.
  PlannedVariable result(const char* op, PlannedVariable value, const std::vector<PlannedVariable>& inputs,
                         std::vector<PlannedBlock> kept, PlannedBackward backward);
  void backward(const PlannedVariable& root, PlannedBlock seed);
  /// See modr::recompute().
  PlannedVariable recompute(const std::function<PlannedVariable(const PlannedVariable&)>& f, PlannedVariable input);

  bool recording() const { return recording_; }
  /// Calls f() while ops are recorded, or not.
  template <typename F>
  auto with_gradient(bool recording, F f) {
    const Mode mode(recording_, recording);
    return f();
  }

 private:
  struct Mode {
    Mode(bool& where, bool value) : where_(where), before_(where) { where = value; }
    ~Mode() { where_ = before_; }
    bool& where_;
    bool before_;
  };

  MemoryLedger& ledger_;
  bool recording_ = true, met_trainable_ = false;
  uint64_t next_sequence_ = 0;
};

}  // namespace modr
