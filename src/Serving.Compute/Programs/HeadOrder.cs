namespace Serving.Compute.Programs;

/// <summary>
/// The order in which the elements of q and k heads are kept of a model that rotates only the first of them (partial rotary): the kernels rotate element i with element
/// i + headSize/2, all of them, so that elements which belong together come to lie there, and of the others two and two, whose angle is zero. Scores are sums over the elements of
/// a head, whatever their order. Checkpoints in which pairs are neighbours are kept likewise.
/// <code>
///   the checkpoint's   a0 … a(r−1)  b0 … b(r−1)  c0 … c(n−1)              r pairs (a, b) are rotated, c are not
///   of neighbours      a0 b0  a1 b1 …  a(r−1) b(r−1)  c0 … c(n−1)
///   as kept            a0 … a(r−1)  c0 … c(n/2−1) | b0 … b(r−1)  c(n/2) … c(n−1)
/// </code>
/// </summary>
/// <param name="HeadSize">Elements of a head; even.</param>
/// <param name="RotatedSize">How many of them, from the first on, are rotated; even.</param>
/// <param name="OfNeighbours">Whether the elements of a pair are neighbours in the checkpoint.</param>
public sealed record HeadOrder(int HeadSize, int RotatedSize, bool OfNeighbours = false) : RowOrder
{
    /// <inheritdoc/>
    public override (int Source, int Count) RunAt(int row)
    {
        var (half, pairs) = (HeadSize / 2, RotatedSize / 2);
        var (element, head) = (row % HeadSize, row / HeadSize * HeadSize);
        var (isSecond, place) = (element >= half ? 1 : 0, element % half);
        if (OfNeighbours && place < pairs)
        {
            return (head + (2 * place) + isSecond, 1);
        }

        return place < pairs
            ? (head + (isSecond * pairs) + place, pairs - place)
            : (head + RotatedSize + (isSecond * (half - pairs)) + place - pairs, half - place);
    }
}
