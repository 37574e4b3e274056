using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Adapters that are on their way when they are packed: the emulator makes a copy as late as somebody waits for it.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaAdapterCopyTests : IDisposable
{
    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    /// <summary>Who gets the pages of an adapter that nobody waited for.</summary>
    public enum Heir
    {
        /// <summary>Rows of a sequence.</summary>
        Rows,

        /// <summary>A copy of a page.</summary>
        Copy,

        /// <summary>Pages from host memory.</summary>
        Host,
    }

    /// <summary>An adapter that is given up on its way does not write over what its pages hold next.</summary>
    [Theory]
    [InlineData(Heir.Rows)]
    [InlineData(Heir.Copy)]
    [InlineData(Heir.Host)]
    public void PackAdapter_GivenUpOnItsWay_LeavesItsPagesToTheNext(Heir heir) => Assert.Equal(Answer(heir, packs: false), Answer(heir, packs: true));

    /// <summary>More loads than there are marks and staging, none of them waited for by a step: each slot has its own adapter.</summary>
    [Fact]
    public void PackAdapter_ManyInARow_AllArrive()
    {
        const int Count = 19;
        var test = TestProgram.Create(new TestShape());
        using var session = new BackendSession(CudaFactory.Deterministic, test, pages: 2048);
        int[] slots = [.. Enumerable.Range(0, Count).Select(i => session.AddAdapter(test.CreateAdapter(i, _ => 1 + (i * 5 % 40))))];
        var together = slots.Select(slot => Logits(session, slot, Count - slot)).ToArray();
        for (var i = Count - 1; i >= 0; i--)
        {
            using var alone = new BackendSession(CudaFactory.Deterministic, test, pages: 2048);
            var slot = alone.AddAdapter(test.CreateAdapter(i, _ => 1 + (i * 5 % 40)));
            Assert.Equal(Logits(alone, slot, Count - i), together[i]);
        }
    }

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());

    private static float[] Answer(Heir heir, bool packs)
    {
        var test = TestProgram.Create(new TestShape());
        using var session = new BackendSession(CudaFactory.Deterministic, test, pages: 256, hostPages: 2);
        var origin = new TestSequence(session);
        Run(session, origin, 21);
        int[] computed = [.. origin.Table.Select(entry => entry.Page)];
        session.Backend.CopyToHost(computed, [0, 1]);

        using var adapter = session.Prepare(test.CreateAdapter(1, _ => 16));
        var pages = session.TakePages(adapter);
        if (packs)
        {
            session.Backend.PackAdapter(63, adapter, pages);
        }

        session.ReturnPages(pages);
        var next = Inherit(session, heir, origin, computed);
        Run(session, next, 40);

        // A later load of another adapter, and a step that waits for it.
        Logits(session, session.AddAdapter(test.CreateAdapter(2, _ => 8)), 3);
        Run(session, next, 1);
        return session.Logits(0);
    }

    private static TestSequence Inherit(BackendSession session, Heir heir, TestSequence origin, int[] computed)
    {
        var next = new TestSequence(session);
        session.Inputs.Clear();
        switch (heir)
        {
            case Heir.Copy:
                var page = session.TakePage();
                next.Import((computed[0], 16), (page, 5));

                // The step's rows go elsewhere: the copy alone has to wait.
                session.Inputs.AddCopy(computed[1], page, 5);
                origin.AddChunk([1], last: Greedy);
                session.Execute();
                break;
            case Heir.Host:
                int[] back = [session.TakePage(), session.TakePage()];
                session.Backend.CopyFromHost([0, 1], back);
                next.Import((back[0], 16), (back[1], 5));
                break;
            default:
                break;
        }

        return next;
    }

    private static void Run(BackendSession session, TestSequence sequence, int rows)
    {
        session.Inputs.Clear();
        sequence.AddChunk([.. Enumerable.Range(rows, rows).Select(token => token % session.Test.Shape.Vocabulary)], last: Greedy);
        session.Execute();
    }

    private static float[] Logits(BackendSession session, int slot, int rows)
    {
        Run(session, new TestSequence(session, slot), rows);
        return session.Logits(0);
    }
}
