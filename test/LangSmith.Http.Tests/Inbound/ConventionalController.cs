using Microsoft.AspNetCore.Mvc;

namespace LangSmith.Http.Tests;

/// <summary>Routed by convention: all its actions share one template.</summary>
public sealed class ConventionalController : Controller
{
    public IActionResult Index() => Ok("index");

    public IActionResult About() => Ok("about");
}
