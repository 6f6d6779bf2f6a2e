namespace LangSmith.Http.Tests.Collector;

/// <summary>What goes wrong on purpose, and what an exporter under test sees of it.</summary>
public sealed class FaultTests : CollectorFixture
{
    [TestCase(500, null, null)]
    [TestCase(429, 7.0, "7")]
    [TestCase(503, 0.0, "0")]
    public async Task Status_IsAnswered_AndNothingIsKept(int status, double? retryAfter, string? header)
    {
        Collector.Fault = _ => CollectorFault.Status(status, retryAfter is { } seconds ? TimeSpan.FromSeconds(seconds) : null);
        using var response = await Client.PostAsync("/runs/batch", Json(BatchJson([SampleRun.Root().Post])));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((int)response.StatusCode, Is.EqualTo(status));
            Assert.That(response.Headers.TryGetValues("Retry-After", out var values) ? string.Join('|', values) : null, Is.EqualTo(header));
            Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("""{"error":"A fault that was asked for."}"""));
            Assert.That(Collector.Traces, Is.Empty);
            Assert.That(Collector.Problems, Is.Empty, "it is no fault of the runs");
        }
    }

    [Test]
    public async Task Fault_IsAskedAboutEachIngestRequest_AndNotAboutThePage()
    {
        var asked = new List<CollectorRequest>();
        Collector.Fault = request =>
        {
            asked.Add(request);
            return request.Number == 1 ? CollectorFault.Status(503) : null;
        };
        var root = SampleRun.Root();
        Assert.That((await BatchAsync(root)).Status, Is.EqualTo(503));
        await AcceptAsync(root);
        await GetAsync("/info");
        await GetAsync("/api/traces");
        await SendAsync(HttpMethod.Patch, $"/runs/{root.Id}", Json(root.Patch().ToJsonString()));
        Assert.That(asked.Select(static request => $"{request.Number} {request.Method} {request.Path}"), Is.EqualTo(
            ["1 POST /runs/batch", "2 POST /runs/batch", "3 GET /info", $"4 PATCH /runs/{root.Id}"]));
        Collector.Fault = null;
        await AcceptAsync(root);
        Collector.AssertOneTrace();
    }

    [Test]
    public async Task Delay_ThatIsOver_LetsTheRequestThrough()
    {
        Collector.Fault = static _ => CollectorFault.Delay(TimeSpan.FromMilliseconds(1));
        await AcceptAsync(SampleRun.Root());
        Collector.AssertOneTrace();
    }

    [Test]
    public async Task Delay_WithoutEnd_EndsWhenTheSenderGivesUp()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Collector.Fault = _ =>
        {
            asked.TrySetResult();
            return CollectorFault.Delay(Timeout.InfiniteTimeSpan);
        };
        using var giveUp = new CancellationTokenSource();
        using var content = Json(BatchJson([SampleRun.Root().Post]));
        var sent = Client.PostAsync("/runs/batch", content, giveUp.Token);
        await asked.Task;
        await giveUp.CancelAsync();
        Assert.That(() => sent, Throws.InstanceOf<OperationCanceledException>());
        Collector.Fault = null;
        await AcceptAsync(SampleRun.Root("other", 2));
        Assert.That(Collector.AssertOneTrace().Name, Is.EqualTo("other"), "nothing of the first is kept");
    }

    [Test]
    public async Task Delay_WithoutEnd_EndsWhenTheCollectorStops()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Collector.Fault = _ =>
        {
            asked.TrySetResult();
            return CollectorFault.Delay(Timeout.InfiniteTimeSpan);
        };
        using var content = Json(BatchJson([SampleRun.Root().Post]));
        var sent = Client.PostAsync("/runs/batch", content);
        await asked.Task;
        // Half of what a host waits for requests.
        await Collector.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(15));
        Assert.That(() => sent, Throws.InstanceOf<HttpRequestException>());
    }

    [Test]
    public async Task ResetMidBody_BreaksTheConnection_AndKeepsNothing()
    {
        Collector.Fault = static request => request.Number == 1 ? CollectorFault.ResetMidBody() : null;
        var root = SampleRun.Root().With("inputs", new System.Text.Json.Nodes.JsonObject { ["a"] = new string('a', 1_000_000) });
        Assert.That(() => BatchAsync(root), Throws.InstanceOf<HttpRequestException>());
        Assert.That(Collector.Traces, Is.Empty);
        Assert.That(Collector.Problems, Is.Empty);
        await AcceptAsync(root);
        Collector.AssertOneTrace();
    }

    [Test]
    public async Task LoseResponse_KeepsTheRuns_AndARetryMakesNoDuplicate([Values] bool multipart)
    {
        Collector.Fault = static request => request.Number == 1 ? CollectorFault.LoseResponse() : null;
        var root = SampleRun.Root();
        Assert.That(() => multipart ? MultipartAsync(Part.Post(root)) : BatchAsync(root), Throws.InstanceOf<HttpRequestException>());
        Collector.AssertOneTrace();
        Assert.That(multipart ? await MultipartAsync(Part.Post(root)) : await BatchAsync(root), Is.EqualTo(Answer.Accepted));
        Assert.That(Collector.AssertOneTrace().Runs, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task LoseResponse_OfARefusal_IsARefusal()
    {
        Collector.Fault = static _ => CollectorFault.LoseResponse();
        Assert.That((await BatchAsync(SampleRun.Root().Without("trace_id"))).Status, Is.EqualTo(400));
    }

    [Test]
    public async Task Sender_ThatGoesAwayInTheMiddle_IsNoProblemOfTheRuns()
    {
        // A time-out of the sender is not a body LangSmith would refuse.
        using (var socket = new System.Net.Sockets.TcpClient())
        {
            await socket.ConnectAsync(System.Net.IPAddress.Loopback, Collector.Endpoint.Port);
            await socket.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(
                $"POST /runs/multipart HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n--b\r\nContent-"));
            socket.Client.LingerState = new(true, 0);
        }

        await AcceptAsync(SampleRun.Root());
        // Stopping waits for the requests that are open.
        await Collector.DisposeAsync();
        Collector.AssertOneTrace();
    }

    [TestCase(399)]
    [TestCase(200)]
    [TestCase(600)]
    public void Status_OfNoError_Throws(int status) =>
        Assert.That(() => CollectorFault.Status(status), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.StartsWith("Give the status code of an error, 400 to 599."));
}
