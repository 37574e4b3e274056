using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Memory;

namespace Serving.Compute.Cuda.Launches;

/// <summary>What launches of one rank of several need beside the <see cref="LaunchContext"/>.</summary>
/// <param name="Communicator">The way to the other ranks.</param>
/// <param name="Memory">What is exchanged.</param>
/// <param name="Ordered">
/// Sums over ranks are gathered and added up by a kernel, ranks ascending: NCCL chooses how it sums by the number of values, and with it the order, so that a row's bits
/// would depend on the rows beside it. It costs ranks − 1 times a rank's values received instead of 2 (ranks − 1) ÷ ranks times: the same for two ranks.
/// </param>
internal sealed record RankContext(NcclCommunicator Communicator, RankMemory Memory, bool Ordered);
