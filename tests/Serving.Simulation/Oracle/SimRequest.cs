using Serving.Core.Memory;
using Serving.Core.Requests;

namespace Serving.Simulation.Oracle;

/// <summary>A request of the simulation with the tracks of its choices.</summary>
internal sealed class SimRequest
{
    private readonly int _firstOutput;

    /// <summary>A request and its fate.</summary>
    /// <param name="request">What is submitted.</param>
    /// <param name="name">The adapter's name in the catalog; −1 is the base model.</param>
    /// <param name="stopStringAt">Per choice, the output that completes a stop string, or −1.</param>
    /// <param name="abortAt">Output of choice 0 whose reader is too slow, or −1.</param>
    /// <param name="vocabulary">Token ids of the model.</param>
    /// <param name="maxModelLength">Most tokens of a sequence.</param>
    /// <param name="remembers">Whether the model has a recurrent state.</param>
    public SimRequest(Request request, int name, int[] stopStringAt, int abortAt, int vocabulary, int maxModelLength, bool remembers = false)
    {
        Request = request;
        Name = name;
        Open = request.Choices;
        _firstOutput = request.FirstOutputPosition;
        Tracks = new SequenceTrack[request.Choices];
        for (var choice = 0; choice < Tracks.Length; choice++)
        {
            var oracle = new OracleSequence(request, choice, stopStringAt[choice], vocabulary, maxModelLength, remembers);
            Tracks[choice] = new SequenceTrack(this, choice, oracle, choice == 0 ? abortAt : -1);
        }
    }

    /// <summary>What is submitted.</summary>
    public Request Request { get; }

    /// <summary>The adapter's name; −1 is the base model.</summary>
    public int Name { get; }

    /// <summary>One per choice.</summary>
    public SequenceTrack[] Tracks { get; }

    /// <summary>Choices without their terminal event.</summary>
    public int Open { get; set; }

    /// <summary>The reader gave up: every choice must end with SlowReader.</summary>
    public bool Aborted { get; set; }

    /// <summary>A choice's constraint allows no further token: every choice must end with ConstraintUnsatisfiable.</summary>
    public bool DeadEnded { get; set; }

    /// <summary>Keys of the modules that were encoded because it asked first.</summary>
    public HashSet<Digest> Encoded { get; } = [];

    /// <summary>The position of a token.</summary>
    public int PositionOf(int ordinal) => OracleSequence.PositionOf(Request, ordinal, _firstOutput);

    /// <summary>When it was submitted.</summary>
    public long SubmittedAt { get; set; }

    /// <summary>Later requests that started before it.</summary>
    public int Passes { get; set; }

    /// <summary>Whether its start was noticed.</summary>
    public bool Seen { get; set; }

    /// <summary>Whether a plan had rows of it.</summary>
    public bool Started { get; set; }
}
