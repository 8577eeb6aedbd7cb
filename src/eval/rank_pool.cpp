#include "eval/rank_pool.hpp"

#include <cstring>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "comm/work_counter.hpp"

namespace modr {

namespace {

// A finished piece on its way to the root: this header, then the result's bytes.
struct Header {
  int64_t piece, size;
};

void append(std::string& parcel, int64_t piece, const std::string& result) {
  const Header header{piece, static_cast<int64_t>(result.size())};
  parcel.append(reinterpret_cast<const char*>(&header), sizeof header);
  parcel += result;
}

// Puts the pieces of one rank's parcel into their places.
void take_out(const std::string& parcel, std::vector<std::string>& results, std::vector<bool>& done) {
  for (std::size_t at = 0; at < parcel.size();) {
    Header header{};
    MODR_CHECK(parcel.size() - at >= sizeof header, "a parcel of {} bytes ends in a header", parcel.size());
    std::memcpy(&header, parcel.data() + at, sizeof header);
    at += sizeof header;
    const auto piece = static_cast<std::size_t>(header.piece), size = static_cast<std::size_t>(header.size);
    MODR_CHECK(piece < results.size() && !done[piece], "piece {} was done twice or never asked for", header.piece);
    MODR_CHECK(size <= parcel.size() - at, "a parcel of {} bytes ends in a piece", parcel.size());
    results[piece] = parcel.substr(at, size);
    done[piece] = true;
    at += size;
  }
}

}  // namespace

std::vector<std::string> run_pool(const Communicator& comm, int64_t count,
                                  const std::function<std::string(int64_t)>& work,
                                  const std::function<void(int64_t)>& on_start,
                                  const std::function<void(const std::exception_ptr&)>& on_end) {
  WorkCounter counter(comm);
  std::string parcel;
  std::exception_ptr failure;
  // A rank that fails takes all that is left, so that the others stop too.
  for (int64_t piece = counter.next(); piece < count && !failure; piece = counter.next(failure ? count : 1)) {
    try {
      if (on_start) on_start(piece);
      append(parcel, piece, work(piece));
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (on_end) on_end(failure);
  counter.close();
  run_agreed(comm, [&] {
    if (failure) std::rethrow_exception(failure);
  });
  const std::vector<std::string> parcels = comm.gather(parcel, 0);
  if (!comm.is_root()) return {};
  std::vector<std::string> results(static_cast<std::size_t>(count));
  std::vector<bool> done(results.size());
  for (const std::string& from_rank : parcels) take_out(from_rank, results, done);
  for (std::size_t piece = 0; piece < done.size(); ++piece) MODR_CHECK(done[piece], "nobody did piece {}", piece);
  return results;
}

}  // namespace modr
