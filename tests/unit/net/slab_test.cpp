#include "net/slab.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace genkan::net {
namespace {

TEST(Slab, GivesEachObjectAPlaceOfItsOwn) {
  constexpr std::size_t kSize = 296;
  Slab slab(kSize);
  std::vector<unsigned char*> all;
  for (unsigned i = 0; i < 2000; ++i) {
    auto* at = static_cast<unsigned char*>(slab.take());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at) % 8, 0u);
    std::memset(at, static_cast<int>(i % 251), kSize);
    all.push_back(at);
  }
  for (unsigned i = 0; i < 2000; ++i) {
    for (const std::size_t byte : {std::size_t{0}, kSize - 1}) ASSERT_EQ(all[i][byte], i % 251);
  }
  for (auto* at : all) slab.give(at);
}

TEST(Slab, UsesAPlaceAgain) {
  Slab slab(64);
  std::vector<void*> all;
  for (int round = 0; round < 50; ++round) {
    std::set<void*> different;
    for (int i = 0; i < 3000; ++i) {
      all.push_back(slab.take());
      different.insert(all.back());
    }
    EXPECT_EQ(different.size(), 3000u);
    while (all.size() > 10) {  // some stay, each round others
      const auto at = (all.size() * 7) % all.size();
      slab.give(all[at]);
      all[at] = all.back();
      all.pop_back();
    }
    while (!all.empty()) {
      slab.give(all.back());
      all.pop_back();
    }
  }
}

TEST(Slab, TakesBackWhatAnotherThreadTook) {
  Slab slab(128);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&slab] {
      std::vector<void*> mine;
      for (int i = 0; i < 5000; ++i) {
        mine.push_back(slab.take());
        std::memset(mine.back(), i, 128);
        if (i % 3 == 0) {
          slab.give(mine.front());
          mine.erase(mine.begin());
        }
      }
      std::thread([&slab, &mine] {
        for (void* at : mine) slab.give(at);
      }).join();
    });
    if (t % 2 == 1) {  // two at a time
      for (auto& thread : threads) thread.join();
      threads.clear();
    }
  }
}

}  // namespace
}  // namespace genkan::net
